// SPDX-License-Identifier: MIT
#include "cli/run_network.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/strv.h"
#include "base/tap.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const proxy_variables[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
					      "ALL_PROXY",   "no_proxy",    "NO_PROXY"};
static struct run_options run;
static struct err err;

static void reset(void)
{
	run_options_done(&run);
	run_options_init(&run);
	for (size_t i = 0; i < ARRAY_SIZE(proxy_variables); i++)
		unsetenv(proxy_variables[i]);
}

static void set(char **text, const char *by)
{
	free(*text);
	*text = xstrdup(by);
}

static const char *read_it(void)
{
	return run_network_read(&run, &err) < 0 ? err.msg : "ok";
}

static void test_policy(void)
{
	TEST("without a flag there is no list");
	reset();
	CHECK_STR(read_it(), "ok");
	CHECK(!run.spec.policy.listed);

	TEST("an empty --allow-host is a list, which denies");
	run.policy.allow_host_given = true;
	CHECK_STR(read_it(), "ok");
	CHECK(run.spec.policy.listed && !run.spec.policy.allow_hosts);

	TEST("the list, in its one form");
	reset();
	run.policy.allow_host_given = true;
	strv_add(&run.policy.allow_host, "Example.COM.");
	strv_add(&run.policy.allow_private, "10.0.0.0/8");
	CHECK_STR(read_it(), "ok");
	CHECK_STR(run.spec.policy.allow_hosts[0], "example.com");
	CHECK_STR(run.spec.policy.allow_private[0], "10.0.0.0/8");

	TEST("what makes no sense is refused here, before anything is started");
	reset();
	strv_add(&run.policy.allow_private, "8.8.8.0/24");
	CHECK(strstr(read_it(), "8.8.8.0/24"));

	TEST("what --no-network contradicts, in the order in which it is told");
	reset();
	run.spec.no_network = run.spec.policy.audit_only = true;
	run.spec.network_intercept = run.policy.allow_host_given = true;
	CHECK_STR(read_it(), "--no-network cannot be combined with --allow-host");
	run.policy.allow_host_given = false;
	CHECK_STR(read_it(), "--no-network cannot be combined with --network-intercept");
	run.spec.network_intercept = false;
	CHECK_STR(read_it(), "--no-network cannot be combined with --audit-only");
	run.spec.policy.audit_only = false;
	setenv("HTTPS_PROXY", "nonsense://", 1);
	CHECK_STR(read_it(), "ok");
}

static void test_proxy(void)
{
	TEST("the environment's proxy, as curl finds it");
	reset();
	setenv("ALL_PROXY", "http://all:1", 1);
	CHECK_STR(read_it(), "ok");
	CHECK_STR(run.spec.upstream_proxy, "http://all:1");
	setenv("HTTPS_PROXY", "http://upper:2", 1);
	setenv("https_proxy", "http://lower:3", 1);
	setenv("NO_PROXY", ".local", 1);
	CHECK_STR(read_it(), "ok");
	CHECK_STR(run.spec.upstream_proxy, "http://lower:3");
	CHECK_STR(run.spec.no_proxy, ".local");

	TEST("the flag wins, an empty one is for none");
	run.upstream_proxy_given = true;
	set(&run.spec.upstream_proxy, "http://flag:4");
	CHECK_STR(read_it(), "ok");
	CHECK_STR(run.spec.upstream_proxy, "http://flag:4");
	reset();
	setenv("HTTPS_PROXY", "http://upper:2", 1);
	run.upstream_proxy_given = true;
	CHECK_STR(read_it(), "ok");
	CHECK_STR(run.spec.upstream_proxy, "");

	TEST("one that cannot be used is an error without its password");
	reset();
	setenv("HTTPS_PROXY", "socks5://me:secret@host:1", 1);
	CHECK(strstr(read_it(), "HTTPS_PROXY in the environment (--upstream-proxy="));
	CHECK(!strstr(err.msg, "secret"));
	run.upstream_proxy_given = true;
	set(&run.spec.upstream_proxy, "http://me:secret@host");
	CHECK(strncmp(read_it(), "--upstream-proxy: ", 18) == 0 && !strstr(err.msg, "secret"));
}

static void test_audit(void)
{
	char dir[] = "/tmp/run-network-XXXXXX";
	AUTO_FREE char *file = NULL, *fifo = NULL;
	struct stat st;

	TEST("the audit's file is made at once, by its full name, for its user only");
	reset();
	CHECK(mkdtemp(dir) && chdir(dir) == 0);
	file = xasprintf("%s/audit", dir);
	fifo = xasprintf("%s/fifo", dir);
	set(&run.spec.audit_path, "audit");
	CHECK_STR(read_it(), "ok");
	CHECK_STR(run.spec.audit_path, file);
	CHECK(stat(file, &st) == 0 && (st.st_mode & 0777) == 0600);

	TEST("nothing that could hold the gateway up");
	CHECK(mkfifo(fifo, 0600) == 0);
	set(&run.spec.audit_path, fifo);
	CHECK(strstr(read_it(), "--audit: open"));
	set(&run.spec.audit_path, "/dev/null");
	CHECK_STR(read_it(), "--audit: \"/dev/null\" is no regular file");
	set(&run.spec.audit_path, "-");
	CHECK_STR(read_it(), "--audit - is no file: name one, and follow it with tail -f");
	unlink(file);
	unlink(fifo);
	rmdir(dir);
}

int main(void)
{
	test_policy();
	test_proxy();
	test_audit();
	run_options_done(&run);
	return tap_done();
}
