// SPDX-License-Identifier: MIT
/* The table of run's flags, in the order of its help, and their defaults: see run_options.h. */
#include "cli/run_options.h"

#include "base/alloc.h"
#include "base/strv.h"
#include "cli/complete.h"
#include "cli/images.h"

#include <stdlib.h>

#define FIELD(member) offsetof(struct run_options, member)

static const char *const accel_names[] = {"auto", "kvm", "tcg", NULL};

const struct cli_option run_flags[] = {
	{
		.name = "image",
		.metavar = "ref",
		.help = "the image to run, such as matchlock/base (required)",
		.type = &cli_string,
		.offset = FIELD(spec.image),
		.required = true,
		.complete = images_offer_refs,
	},
	{
		.name = "pull",
		.help = "ask the registry even if the image is in the store (--pull, "
			"--pull=always), only if it is not (--pull=missing), or never",
		.type = &images_pull_type,
		.offset = FIELD(pull),
		.complete = images_offer_policies,
	},
	{
		.name = "interactive",
		.letter = 'i',
		.help = "pass standard input on to the command",
		.type = &cli_bool,
		.offset = FIELD(interactive),
	},
	{
		.name = "tty",
		.letter = 't',
		.help = "with -i: give the command a terminal",
		.type = &cli_bool,
		.offset = FIELD(tty),
	},
	{
		.name = "rm",
		.help = "remove the sandbox once the command has ended; --rm=false keeps it "
			"running until it is interrupted",
		.type = &cli_bool,
		.offset = FIELD(rm),
		.given = FIELD(rm_set),
	},
	{
		.name = "detach",
		.letter = 'd',
		.help = "print the sandbox's id when it is ready and leave it running; its output "
			"goes to its log. Without --rm it stays until it is killed, and is kept "
			"until it is removed",
		.type = &cli_bool,
		.offset = FIELD(detach),
	},
	{
		.name = "name",
		.metavar = "name",
		.help = "a name by which other commands find the sandbox, besides its id",
		.type = &cli_string,
		.offset = FIELD(spec.name),
	},
	{
		.name = "label",
		.metavar = "KEY[=VALUE]",
		.help = "keep a label with the sandbox, for list --label (repeatable)",
		.type = &cli_array,
		.offset = FIELD(label),
	},
	{
		.name = "env",
		.letter = 'e',
		.metavar = "KEY[=VALUE]",
		.help = "set a variable; without a value it is taken from your environment "
			"(repeatable)",
		.type = &cli_array,
		.offset = FIELD(env),
		.complete = cli_offer_variables,
	},
	{
		.name = "env-file",
		.metavar = "file",
		.help = "set the variables of a file, one a line (repeatable)",
		.type = &cli_array,
		.offset = FIELD(env_file),
		.complete = cli_offer_files,
	},
	{
		.name = "workdir",
		.letter = 'w',
		.metavar = "path",
		.help = "the command's working directory instead of the image's",
		.type = &cli_string,
		.offset = FIELD(workdir),
	},
	{
		.name = "user",
		.letter = 'u',
		.metavar = "user[:group]",
		.help = "run as this user, by name or number, instead of the image's",
		.type = &cli_string,
		.offset = FIELD(user),
	},
	{
		.name = "entrypoint",
		.metavar = "word",
		.help = "replace the image's entrypoint by this word; an empty one clears it",
		.type = &cli_string,
		.offset = FIELD(entrypoint),
		.given = FIELD(entrypoint_set),
	},
	{
		.name = "cpus",
		.metavar = "number",
		.help = "CPUs the sandbox may use; fractions are allowed",
		.type = &cli_float,
		.offset = FIELD(spec.cpus),
	},
	{
		.name = "memory",
		.metavar = "MiB",
		.help = "memory of the sandbox",
		.type = &cli_int,
		.offset = FIELD(spec.memory_mb),
	},
	{
		.name = "disk-size",
		.metavar = "MiB",
		.help = "size of the writable layer",
		.type = &cli_int,
		.offset = FIELD(spec.disk_size_mb),
	},
	{
		.name = "disk",
		.metavar = "file:path[:ro]",
		.help = "mount an ext4 file, or with @NAME a volume, at this path of the sandbox; "
			"what is written to it is kept (list, repeatable)",
		.type = &cli_list,
		.offset = FIELD(disk),
		.complete = cli_offer_files,
	},
	{
		.name = "timeout",
		.metavar = "seconds",
		.help = "end everything after this time; without the flag there is no limit",
		.type = &cli_int,
		.offset = FIELD(spec.timeout_s),
		.given = FIELD(timeout_set),
	},
	{
		.name = "graceful-shutdown",
		.metavar = "duration",
		.help = "time for an orderly end of the sandbox before it is forced, such as 5s",
		.type = &cli_duration,
		.offset = FIELD(graceful_shutdown_ns),
	},
	{
		.name = "hostname",
		.metavar = "name",
		.help = "host name of the sandbox instead of its id",
		.type = &cli_string,
		.offset = FIELD(spec.hostname),
	},
	{
		.name = "add-host",
		.metavar = "host:ip",
		.help = "add a line to /etc/hosts (list, repeatable)",
		.type = &cli_list,
		.offset = FIELD(add_host),
	},
	{
		.name = "dns-servers",
		.metavar = "ip",
		.help = "name servers instead of 8.8.8.8 and 8.8.4.4 (list, repeatable)",
		.type = &cli_list,
		.offset = FIELD(spec.dns_servers),
	},
	POLICY_FLAG_ROWS(struct run_options, policy),
	{
		.name = "audit-only",
		.help = "allow every public host, and show at the end the policy that would have "
			"been enough",
		.type = &cli_bool,
		.offset = FIELD(spec.policy.audit_only),
	},
	{
		.name = "audit",
		.metavar = "file",
		.help = "append the audit of the network to this file, which outlives the sandbox",
		.type = &cli_string,
		.offset = FIELD(spec.audit_path),
		.complete = cli_offer_files,
	},
	{
		.name = "upstream-proxy",
		.metavar = "URL",
		.help = "the proxy of this host that leads out, as "
			"http://[user:password@]host:port, "
			"instead of that in HTTPS_PROXY or ALL_PROXY; an empty one for none",
		.type = &cli_string,
		.offset = FIELD(spec.upstream_proxy),
		.given = FIELD(upstream_proxy_given),
		.secret = true,
	},
	{
		.name = "network-intercept",
		.help = "intercept TLS (accepted; without effect yet)",
		.type = &cli_bool,
		.offset = FIELD(spec.network_intercept),
	},
	{
		.name = "mtu",
		.metavar = "bytes",
		.help = "largest packet of the network interface",
		.type = &cli_int,
		.offset = FIELD(spec.mtu),
	},
	{
		.name = "no-network",
		.help = "no network interface but loopback",
		.type = &cli_bool,
		.offset = FIELD(spec.no_network),
	},
	{
		.name = "publish",
		.letter = 'p',
		.metavar = "[address:][local:]remote",
		.help = "let programs of this host connect to a TCP port of the sandbox's "
			"127.0.0.1, at the same port here, at LOCAL, or with 0 at any that is free "
			"(repeatable)",
		.type = &cli_array,
		.offset = FIELD(publish),
	},
	{
		.name = "address",
		.metavar = "ip",
		.help = "addresses of this host at which --publish listens, instead of 127.0.0.1 "
			"(list, repeatable)",
		.type = &cli_list,
		.offset = FIELD(address),
	},
	{
		.name = "privileged",
		.help = "do not limit capabilities and system calls inside the sandbox",
		.type = &cli_bool,
		.offset = FIELD(spec.privileged),
	},
	{
		.name = "accel",
		.metavar = "auto|kvm|tcg",
		.help = "how to run the virtual machine: KVM, or emulation (tcg) where there is "
			"none; also MATCHLOCK_ACCEL",
		.type = &cli_string,
		.offset = FIELD(accel),
		.variable = "MATCHLOCK_ACCEL",
		.choices = accel_names,
	},
	{
		.name = "no-template",
		.help = "boot, instead of going on from a VM that was saved at an earlier run",
		.type = &cli_bool,
		.offset = FIELD(no_template),
	},
	{
		.name = "no-template-build",
		.help = "make no template for later runs; also MATCHLOCK_TEMPLATE_BUILD=0",
		.type = &cli_bool,
		.offset = FIELD(no_template_build),
	},
	{
		.name = "timings",
		.help = "show on stderr where the time of the start went, as a table or with "
			"--timings=json as one line; also MATCHLOCK_TIMINGS",
		.type = &timings_format_type,
		.offset = FIELD(timings),
		.variable = "MATCHLOCK_TIMINGS",
		.complete = timings_offer_formats,
	},
	{0},
};

void run_options_init(void *options)
{
	struct run_options *run = options;

	sandbox_spec_init(&run->spec);
	run->rm = true;
	run->entrypoint = xstrdup("");
	run->workdir = xstrdup("");
	run->user = xstrdup("");
	run->accel = xstrdup("auto");
}

void run_options_done(void *options)
{
	struct run_options *run = options;

	sandbox_spec_done(&run->spec);
	free(run->entrypoint);
	free(run->workdir);
	free(run->user);
	free(run->accel);
	free(run->command);
	strv_free(run->env);
	strv_free(run->env_file);
	strv_free(run->add_host);
	strv_free(run->label);
	strv_free(run->disk);
	strv_free(run->publish);
	strv_free(run->address);
	policy_flags_done(&run->policy);
	free(run->ports);
	strv_free(run->words);
	strv_free(run->environment);
	*run = (struct run_options){0};
}
