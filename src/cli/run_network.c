// SPDX-License-Identifier: MIT
/*
 * The flags of a run's network: see run_network.h.
 *
 * Happy path: the policy is read and tried, the proxy found, the audit's file made.
 * Failure modes: flags that contradict each other or make no sense, a proxy of the environment that
 * cannot be used: nobody would notice a way past it.
 */
#include "cli/run_network.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "base/text.h"
#include "gateway/proxy.h"
#include "policy/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

DEFINE_AUTO(policy)
DEFINE_AUTO(proxy)

static int refuse_without_network(const struct run_options *options, struct err *err)
{
	const struct policy_flags *policy = &options->policy;
	const struct {
		const char *flag;
		bool given;
	} conflicts[] = {
		{"allow-host", policy->allow_host_given},
		{"network-intercept", options->spec.network_intercept},
		{"policy", policy->policy},
		{"allow-private", policy->allow_private},
		{"allow-host-service", policy->allow_host_service},
		{"audit-only", options->spec.policy.audit_only},
		{"audit", *options->spec.audit_path},
		{"upstream-proxy", *options->spec.upstream_proxy},
	};

	for (size_t i = 0; i < ARRAY_SIZE(conflicts); i++) {
		if (conflicts[i].given)
			return err_set(err, ERR_INVALID,
				       "--no-network cannot be combined with --%s",
				       conflicts[i].flag);
	}
	return 0;
}

static int read_policy(struct run_options *options, struct err *err)
{
	AUTO(auto_policy) struct policy *tried = NULL;

	if (policy_flags_read(&options->policy, &options->spec.policy, err) < 0)
		return -1;
	return policy_new(&options->spec.policy, &(struct policy_facts){0}, &tried, err);
}

/* The first of them that is set to something; NULL if none is. */
static const char *first_set(const char *const *variables)
{
	for (; *variables; variables++) {
		const char *value = getenv(*variables);

		if (value && *value)
			return *variables;
	}
	return NULL;
}

static void replace(char **text, const char *by)
{
	free(*text);
	*text = xstrdup(by);
}

static int read_proxy(struct run_options *options, struct err *err)
{
	static const char *const proxies[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
					      "ALL_PROXY", NULL};
	static const char *const exceptions[] = {"no_proxy", "NO_PROXY", NULL};
	struct sandbox_spec *spec = &options->spec;
	const char *from = options->upstream_proxy_given ? NULL : first_set(proxies);
	const char *past = first_set(exceptions);
	AUTO(auto_proxy) struct proxy *tried = NULL;

	if (from)
		replace(&spec->upstream_proxy, getenv(from));
	if (!*spec->upstream_proxy)
		return 0;
	if (past)
		replace(&spec->no_proxy, getenv(past));
	if (proxy_new(spec->upstream_proxy, spec->no_proxy, &tried, err) == 0)
		return 0;
	if (from)
		return err_wrap(err, "%s in the environment (--upstream-proxy= does without it)",
				from);
	return err_wrap(err, "--upstream-proxy");
}

/* What reads slowly, or not at all, would hold up the gateway. */
static int make_audit(char **path, struct err *err)
{
	AUTO_FREE char *place = (*path)[0] == '/' ? NULL : getcwd(NULL, 0);
	AUTO_FREE char *shown = text_quoted(*path);
	AUTO_FD int fd = -1;
	struct stat st;

	if (strcmp(*path, "-") == 0)
		return err_set(err, ERR_INVALID,
			       "--audit - is no file: name one, and follow it with tail -f");
	if (place) {
		char *absolute = path_join(place, *path);

		free(*path);
		*path = absolute;
	}
	fd = open(*path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "--audit: open %s", shown);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "--audit: %s is no regular file", shown);
	return 0;
}

int run_network_read(struct run_options *options, struct err *err)
{
	if (options->spec.no_network)
		return refuse_without_network(options, err);
	if (read_policy(options, err) < 0 || read_proxy(options, err) < 0)
		return -1;
	return *options->spec.audit_path ? make_audit(&options->spec.audit_path, err) : 0;
}
