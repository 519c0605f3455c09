// SPDX-License-Identifier: MIT
#include "cli/audit_summary.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/strv.h"
#include "base/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct audit_summary summary;
static struct err err;

/* What the lines come to, as a sentence. */
static char *denied(const char *lines)
{
	char path[] = "/tmp/audit-summary-XXXXXX";
	struct buf text = BUF_INIT(4096);
	int fd = mkostemp(path, O_CLOEXEC);

	CHECK(fd >= 0 && write(fd, lines, strlen(lines)) == (ssize_t)strlen(lines));
	close(fd);
	audit_summary_done(&summary);
	CHECK(audit_summary_read(path, "vm-1", &summary, &err) == 0);
	unlink(path);
	audit_summary_denied(&summary, &text);
	return buf_steal(&text, NULL);
}

#define DENIED(lines, want)                           \
	do {                                          \
		AUTO_FREE char *got_ = denied(lines); \
		CHECK_STR(got_, want);                \
	} while (0)

#define LINE(what, verdict, host, more)                                                       \
	"{\"id\":\"vm-1\",\"what\":\"" what "\",\"verdict\":\"" verdict "\",\"host\":\"" host \
	"\"" more "}\n"

static void test_denied(void)
{
	TEST("what was denied, by host");
	DENIED("", "");
	DENIED(LINE("connect", "allow", "a.test", ""), "");
	DENIED(LINE("connect", "deny", "a.test", ""), "1 network request was denied: a.test");
	DENIED(LINE("http", "deny", "b.test", "") LINE("connect", "deny", "a.test", "")
		       LINE("tls", "deny", "b.test", "") LINE("connect", "deny", "", ""),
	       "4 network requests were denied: b.test (2), a.test, without a name");

	TEST("queries for one name count once");
	DENIED(LINE("dns", "deny", "a.test", "") LINE("dns", "deny", "a.test", "")
		       LINE("dns", "deny", "b.test", "") LINE("connect", "deny", "b.test", ""),
	       "3 network requests were denied: a.test, b.test (2)");

	TEST("of many hosts the first");
	DENIED(LINE("dns", "deny", "1", "") LINE("dns", "deny", "2", "")
		       LINE("dns", "deny", "3", "") LINE("dns", "deny", "4", "")
			       LINE("dns", "deny", "5", "") LINE("dns", "deny", "6", "")
				       LINE("dns", "deny", "7", ""),
	       "7 network requests were denied: 1, 2, 3, 4, 5 and 2 more");

	TEST("another sandbox's are not counted");
	DENIED("{\"id\":\"vm-2\",\"what\":\"dns\",\"verdict\":\"deny\",\"host\":\"a\"}\n", "");
}

static void test_policy(void)
{
	AUTO(policy_spec_done) struct policy_spec given = {.audit_only = true};
	AUTO_BUF struct buf text = BUF_INIT(4096);
	AUTO_FREE char *ignored = NULL;

	TEST("the policy that would have been enough: each entry once, and what was opened");
	strv_add(&given.allow_hosts, "never-used.test");
	strv_add(&given.host_services, "db=127.0.0.1:5432");
	ignored = denied(
		LINE("dns", "allow", "only-asked.test", ",\"entry\":\"only-asked.test\"")
			LINE("connect", "allow", "a.test", ",\"entry\":\"a.test\"")
				LINE("connect", "allow", "a.test", ",\"entry\":\"a.test\"") LINE(
					"connect", "allow", "a.test", ",\"entry\":\"a.test:22\"")
					LINE("connect", "deny", "x.test", ",\"entry\":\"x.test\"")
						LINE("connect", "allow", "db", ",\"rule\":\"db\""));
	CHECK(audit_summary_policy(&summary, &given, &text, &err) == 0);
	CHECK_STR(text.ptr, "allow-host a.test\nallow-host a.test:22\n"
			    "allow-host-service db=127.0.0.1:5432\n");
}

static void test_missing(void)
{
	TEST("a file that is not there has no records, one that cannot be read is an error");
	audit_summary_done(&summary);
	CHECK(audit_summary_read("/nonexistent", "vm-1", &summary, &err) == 0);
	CHECK(json_object_size(summary.denied) == 0);
	audit_summary_done(&summary);
	CHECK(audit_summary_read("/", "vm-1", &summary, &err) < 0);
}

int main(void)
{
	test_denied();
	test_policy();
	test_missing();
	audit_summary_done(&summary);
	return tap_done();
}
