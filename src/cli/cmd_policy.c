// SPDX-License-Identifier: MIT
/* The table of the group `policy`: see cmd_policy.h. */
#include "cli/cmd_policy.h"

#include "cli/cmd_policy_check.h"

const struct cli_command policy_commands[] = {
	{
		.name = "check",
		.operands = "<host>[:port]",
		.summary = "tell whether a sandbox would reach a host, and why",
		.text = "Tells what a sandbox that is run with the same flags would be told about "
			"a connection to this host, at port 443 unless another is given, and the "
			"flag that would allow it. Nothing is started. The exit status is 0 if it "
			"is allowed, else 1.",
		.examples = "  matchlock policy check example.com --policy build.policy\n"
			    "  matchlock policy check db.example.com:5432 --allow-host "
			    "'*.example.com'\n",
		.min_args = 1,
		.max_args = 1,
		.options = policy_check_flags,
		.options_size = sizeof(struct policy_check_options),
		.options_done = policy_check_options_done,
		.run = cmd_policy_check,
	},
	{0},
};
