// SPDX-License-Identifier: MIT
/*
 * `matchlock policy check HOST[:PORT]`: what a sandbox with these flags would be told about a
 * connection there, and why.  No VM is started.  An allowed name is resolved as the gateway would,
 * since where it leads to is half of the answer.  Exit status 1 when the answer is no.
 */
#include "cli/cmd_policy_check.h"

#include "api/add_host.h"
#include "base/alloc.h"
#include "base/auto.h"
#include "base/ip_host.h"
#include "base/limits.h"
#include "base/strv.h"
#include "base/text.h"
#include "cli/json_out.h"
#include "policy/policy.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

enum { PORT_DEFAULT = 443 };

const struct cli_option policy_check_flags[] = {
	POLICY_FLAG_ROWS(struct policy_check_options, policy),
	{
		.name = "add-host",
		.metavar = "host:ip",
		.help = "as with run (list, repeatable)",
		.type = &cli_list,
		.offset = offsetof(struct policy_check_options, add_host),
	},
	{
		.name = "no-resolve",
		.help = "do not look up where the name leads to",
		.type = &cli_bool,
		.offset = offsetof(struct policy_check_options, no_resolve),
	},
	{
		.name = "json",
		.help = "print JSON",
		.type = &cli_bool,
		.offset = offsetof(struct policy_check_options, json),
	},
	{0},
};

DEFINE_AUTO(policy)

struct answer {
	char host[HOST_NAME_SIZE]; /* a name or a literal address */
	uint16_t port;
	struct policy_verdict verdict;
	struct ip ips[LIMIT_RESOLVED];
	size_t ip_count;
	const char *unresolved; /* why the name's addresses are not known; NULL = they are */
};

static const char *const needs_words[] = {
	[POLICY_NEEDS_NOTHING] = "any protocol",
	[POLICY_NEEDS_NAME] = "any protocol; a TLS or HTTP name in it must be allowed",
	[POLICY_NEEDS_TLS] = "TLS to an allowed name",
	[POLICY_NEEDS_HTTP] = "HTTP to an allowed name",
};

void policy_check_options_done(void *options)
{
	struct policy_check_options *check = options;

	policy_flags_done(&check->policy);
	strv_free(check->add_host);
}

static int make_policy(const struct policy_check_options *options, struct policy **ret_policy,
		       struct err *err)
{
	AUTO(policy_spec_done) struct policy_spec spec = {0};
	AUTO(auto_strv) char **mappings = NULL;
	AUTO_FREE struct ip *own = NULL;
	struct policy_facts facts = {0};

	for (char **host = options->add_host; host && *host; host++) {
		char *mapping;

		if (add_host_parse(*host, &mapping, err) < 0)
			return err_wrap(err, "invalid add-host mapping");
		strv_take(&mappings, mapping);
	}
	if (policy_flags_read(&options->policy, &spec, err) < 0 ||
	    ip_host_list(&own, &facts.host_ip_count, err) < 0)
		return -1;
	facts.add_hosts = mappings;
	facts.host_ips = own;
	return policy_new(&spec, &facts, ret_policy, err);
}

/* "HOST[:PORT]" as a guest would ask for it. */
static int read_target(const char *text, struct answer *ret_answer, struct err *err)
{
	AUTO_FREE char *shown = text_quoted(text), *host = NULL;
	struct ip ip;

	if (host_port_split(text, &host, &ret_answer->port, err) < 0)
		return err_wrap(err, "invalid host %s", shown);
	if (ret_answer->port == 0)
		ret_answer->port = PORT_DEFAULT;
	if (ip_parse(host, &ip))
		ip_format(&ip, ret_answer->host);
	else if (host_name_typed(host, false, ret_answer->host, err) < 0)
		return err_wrap(err, "invalid host %s", shown);
	return 0;
}

/* All addresses of the name, or why there are none. */
static void resolve(struct answer *answer)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	int rc = getaddrinfo(answer->verdict.name, NULL, &hints, &list);

	if (rc != 0) {
		answer->unresolved = gai_strerror(rc);
		return;
	}
	for (const struct addrinfo *entry = list; entry; entry = entry->ai_next) {
		if (answer->ip_count < LIMIT_RESOLVED &&
		    ip_from_sockaddr(entry->ai_addr, &answer->ips[answer->ip_count]))
			answer->ip_count++;
	}
	freeaddrinfo(list);
}

/* Where an allowed name leads to; its addresses may turn the answer into a no. */
static void follow_name(const struct policy *policy, const struct policy_ask *ask,
			struct answer *answer)
{
	struct policy_ask by_name = {ask->protocol, answer->verdict.name, ask->port};
	struct policy_verdict closed;

	answer->ip_count =
		policy_pinned(policy, by_name.host, ask->port, answer->ips, LIMIT_RESOLVED);
	answer->ip_count = MIN(answer->ip_count, LIMIT_RESOLVED);
	if (answer->ip_count == 0)
		resolve(answer);
	if (!answer->unresolved &&
	    !policy_check_ips(policy, &by_name, answer->ips, answer->ip_count, &closed))
		answer->verdict = closed;
}

static void print_text(const struct answer *answer, const char *target)
{
	const struct policy_verdict *verdict = &answer->verdict;

	printf("%s: %s\n", target, verdict->allowed ? "allowed" : "denied");
	if (verdict->allowed) {
		printf("rule: %s\n",
		       verdict->rule[0] ? verdict->rule : "no list: every public host is allowed");
		printf("for: %s\n", needs_words[verdict->needs]);
	} else {
		printf("reason: %s\n", verdict->reason);
		printf("to allow it: %s\n", verdict->remedy[0] ? verdict->remedy : "nothing does");
	}
	for (size_t i = 0; i < answer->ip_count; i++) {
		char ip[IP_TEXT];

		ip_format(&answer->ips[i], ip);
		printf("address: %s\n", ip);
	}
	if (answer->unresolved)
		printf("address: not known, so not checked (%s)\n", answer->unresolved);
}

static void print_json(const struct answer *answer)
{
	const struct policy_verdict *verdict = &answer->verdict;
	json_t *ips = json_array();

	for (size_t i = 0; i < answer->ip_count; i++) {
		char ip[IP_TEXT];

		ip_format(&answer->ips[i], ip);
		json_array_append_new(ips, json_string(ip));
	}
	json_print(json_pack(
		"{ss si ss ss ss ss ss so ss*}", "host", answer->host, "port", (int)answer->port,
		"verdict", verdict->allowed ? "allow" : "deny", "rule", verdict->rule, "for",
		verdict->allowed ? needs_words[verdict->needs] : "", "reason", verdict->reason,
		"remedy", verdict->remedy, "addresses", ips, "unresolved", answer->unresolved));
}

int cmd_policy_check(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	const struct policy_check_options *options = cli->options;
	AUTO(auto_policy) struct policy *policy = NULL;
	struct answer answer = {0};
	struct policy_ask ask = {.protocol = POLICY_CONNECT, .host = answer.host};
	bool literal;

	if (read_target(argv[0], &answer, err) < 0 || make_policy(options, &policy, err) < 0)
		return -1;
	ask.port = answer.port;
	if (policy_check(policy, &ask, &answer.verdict) && answer.verdict.name[0] &&
	    !options->no_resolve)
		follow_name(policy, &ask, &answer);
	literal = strchr(answer.host, ':');
	if (options->json) {
		print_json(&answer);
	} else {
		AUTO_FREE char *target = xasprintf("%s%s%s:%u", literal ? "[" : "", answer.host,
						   literal ? "]" : "", answer.port);

		print_text(&answer, target);
	}
	cli->exit_code = answer.verdict.allowed ? 0 : 1;
	return 0;
}
