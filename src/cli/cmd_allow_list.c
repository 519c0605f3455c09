// SPDX-License-Identifier: MIT
/*
 * `matchlock allow-list`: what a sandbox that runs may reach (reference: cli-and-rpc.md 7.2).
 *
 * Happy path: the hosts are read, the sandbox's supervisor changes its policy and answers with the
 * one that is in force then.
 * Failure modes: a word that is no host; no such sandbox, or it does not run, or has no network;
 * its gateway refuses, and nothing has changed.
 */
#include "cli/cmd_allow_list.h"

#include "api/policy_file.h"
#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"
#include "cli/json_out.h"
#include "cli/sandboxes.h"
#include "sandbox/control_client.h"

#include <stdio.h>
#include <string.h>

struct show_options {
	bool json;
};

/* The words' comma-separated parts, each in its one form, each once. */
static int read_hosts(char *const *words, char ***ret_hosts, struct err *err)
{
	AUTO(policy_spec_done) struct policy_spec list = {0};
	AUTO(auto_strv) char **parts = NULL;
	bool any = false;

	for (; *words; words++) {
		for (const char *part = *words; part; part = strchr(part, ',')) {
			size_t len;

			part += *part == ',';
			len = strcspn(part, ",");
			any |= strspn(part, " \t") < len;
			strv_take(&parts, xstrndup(part, len));
		}
	}
	if (!any)
		return err_set(err, ERR_INVALID,
			       "invalid allow-list host: expected one or more hosts "
			       "(comma-separated)");
	return policy_spec_add_hosts(&list, parts, ret_hosts, err);
}

/* The answer of the sandbox that `word` names; the caller owns *ret_id and *ret_answer. */
static int ask(const char *word, const struct allow_list_request *request, char **ret_id,
	       struct allow_list_answer *ret_answer, struct err *err)
{
	AUTO_FREE char *dir = NULL;
	AUTO_FD int sock = -1;

	if (sandboxes_connect(word, &dir, &sock, err) < 0)
		return -1;
	if (control_request_allow_list(sock, request, ret_answer, err) < 0)
		return err_wrap(err, "update allow-list");
	*ret_id = xstrdup(strrchr(dir, '/') + 1);
	return 0;
}

static void print_list(const char *before, char *const *list)
{
	fputs(before, stdout);
	for (size_t i = 0; list && list[i]; i++)
		printf("%s%s", i > 0 ? "," : "", list[i]);
	putchar('\n');
}

static void print_current(const struct policy_spec *policy)
{
	static const char before[] = "Current allow-list: ";

	if (policy->allow_hosts && policy->allow_hosts[0])
		print_list(before, policy->allow_hosts);
	else
		printf("%s(empty: all hosts %s)\n", before, policy->listed ? "denied" : "allowed");
}

static int change(char **words, enum allow_list_change what, struct err *err)
{
	const bool add = what == ALLOW_LIST_ADD;
	AUTO(allow_list_request_done) struct allow_list_request request = {.change = what};
	AUTO(allow_list_answer_done) struct allow_list_answer answer = {0};
	AUTO_FREE char *id = NULL;

	if (read_hosts(words + 1, &request.hosts, err) < 0 ||
	    ask(words[0], &request, &id, &answer, err) < 0)
		return -1;
	if (answer.changed && answer.changed[0]) {
		printf(add ? "Added to %s: " : "Removed from %s: ", id);
		print_list("", answer.changed);
	} else {
		printf(add ? "No new hosts were added to %s\n" : "No hosts were removed from %s\n",
		       id);
	}
	print_current(&answer.policy);
	return 0;
}

static int cmd_add(struct cli *cli ML_UNUSED, int argc ML_UNUSED, char **argv, struct err *err)
{
	return change(argv, ALLOW_LIST_ADD, err);
}

static int cmd_delete(struct cli *cli ML_UNUSED, int argc ML_UNUSED, char **argv, struct err *err)
{
	return change(argv, ALLOW_LIST_DELETE, err);
}

static json_t *to_json(char *const *list)
{
	json_t *array = json_array();

	for (; list && *list; list++)
		json_array_append_new(array, json_string(*list));
	return array;
}

/* As a policy file: what is printed allows the same when it is read. */
static int print_policy(const struct policy_spec *policy, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_POLICY_MESSAGE);

	if (!policy->listed)
		buf_puts(&text, "# no list was given: every public host is allowed\n"
				"allow-host *\n");
	else if (!policy->allow_hosts || !policy->allow_hosts[0])
		buf_puts(&text, "# the list is empty: every host is denied\n");
	policy_file_write(policy, &text);
	if (buf_check(&text, "the policy", err) < 0)
		return -1;
	fputs(text.ptr, stdout);
	return 0;
}

static int cmd_show(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	const struct show_options *options = cli->options;
	const struct allow_list_request request = {.change = ALLOW_LIST_SHOW};
	AUTO(allow_list_answer_done) struct allow_list_answer answer = {0};
	const struct policy_spec *policy = &answer.policy;
	AUTO_FREE char *id = NULL;

	if (ask(argv[0], &request, &id, &answer, err) < 0)
		return -1;
	if (!options->json)
		return print_policy(policy, err);
	json_print(json_pack("{ss sb so so so sb sb}", "id", id, "listed", policy->listed,
			     "allowed_hosts", to_json(policy->allow_hosts), "allow_private",
			     to_json(policy->allow_private), "allow_host_services",
			     to_json(policy->host_services), "block_private_ips",
			     !policy->allow_local_nets, "audit_only", policy->audit_only));
	return 0;
}

static const struct cli_option show_flags[] = {
	{
		.name = "json",
		.help = "print JSON",
		.type = &cli_bool,
		.offset = offsetof(struct show_options, json),
	},
	{0},
};

const struct cli_command allow_list_commands[] = {
	{
		.name = "add",
		.operands = "<id> <host1,host2...>",
		.summary = "allow hosts from now on",
		.text = "Adds hosts to the list of a sandbox that runs, in the forms of \"run "
			"--allow-host\". To a sandbox without a list it gives one, and whatever is "
			"not on it is denied from then on, also to connections that are open.",
		.examples = "  matchlock allow-list add web example.com,*.example.org\n"
			    "  matchlock allow-list add web db.example.com:5432\n",
		.min_args = 2,
		.max_args = CLI_ANY,
		.complete = sandboxes_offer_ids,
		.run = cmd_add,
	},
	{
		.name = "delete",
		.aliases = {"rm"},
		.operands = "<id> <host1,host2...>",
		.summary = "take hosts off the list",
		.text = "Takes hosts off the list of a sandbox that runs; connections that only "
			"they allowed are cut. The list stays one: once it is empty every host is "
			"denied.",
		.min_args = 2,
		.max_args = CLI_ANY,
		.complete = sandboxes_offer_ids,
		.run = cmd_delete,
	},
	{
		.name = "show",
		.aliases = {"ls"},
		.operands = "<id>",
		.summary = "print what a sandbox may reach, as a policy file",
		.text = "Prints what a sandbox that runs may reach at the moment, in the form of a "
			"policy file (docs/policy.md), which \"run --policy\" reads.",
		.min_args = 1,
		.max_args = 1,
		.options = show_flags,
		.options_size = sizeof(struct show_options),
		.complete = sandboxes_offer_ids,
		.run = cmd_show,
	},
	{0},
};
