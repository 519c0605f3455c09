// SPDX-License-Identifier: MIT
/* The table of all commands: see cli.h for its columns. */
#include "cli/commands.h"

#include "cli/cmd_allow_list.h"
#include "cli/cmd_audit.h"
#include "cli/cmd_diagnose.h"
#include "cli/cmd_exec.h"
#include "cli/cmd_gc.h"
#include "cli/cmd_get.h"
#include "cli/cmd_image.h"
#include "cli/cmd_inspect.h"
#include "cli/cmd_kill.h"
#include "cli/cmd_list.h"
#include "cli/cmd_log.h"
#include "cli/cmd_policy.h"
#include "cli/cmd_port_forward.h"
#include "cli/cmd_prune.h"
#include "cli/cmd_pull.h"
#include "cli/cmd_rm.h"
#include "cli/cmd_run.h"
#include "cli/cmd_setup.h"
#include "cli/cmd_stats.h"
#include "cli/cmd_stop.h"
#include "cli/cmd_system_df.h"
#include "cli/cmd_template.h"
#include "cli/cmd_volume.h"
#include "cli/complete.h"
#include "cli/completion.h"
#include "cli/detach.h"
#include "cli/help.h"
#include "cli/images.h"
#include "cli/man.h"
#include "cli/roles.h"
#include "cli/run_options.h"
#include "cli/sandboxes.h"
#include "cli/version.h"

static const char run_text[] =
	"Runs a command in a new sandbox: a virtual machine that is started from the image, with "
	"its own kernel, and removed when the command ends. Output, exit code and, with -i, "
	"standard input are those of the command.\n"
	"\n"
	"Flags of the command itself go after \"--\". Each flag of run has a variable that sets "
	"its default: MATCHLOCK_RUN_MEMORY for --memory, MATCHLOCK_RUN_DISK_SIZE for "
	"--disk-size, and so on.";

static const char run_examples[] =
	"  matchlock run --image matchlock/base -- cat /etc/os-release\n"
	"  matchlock run -it --image matchlock/base -- sh\n"
	"  matchlock run --image matchlock/base --cpus 2 --memory 1024 -e A=1 -- env\n"
	"  echo hello | matchlock run -i --image matchlock/base -- wc -c\n"
	"  matchlock run -d --name web --image nginx\n";

static const char exec_text[] =
	"Runs a command in a sandbox that runs already, beside what runs in it. It gets the "
	"environment, the user and the working directory of the sandbox unless flags say "
	"otherwise. Output is shown when the command has ended; with -i or --stream as it comes. "
	"The exit code is that of the command. Whatever ends this program ends the command and "
	"all that it has started.";

static const char exec_examples[] = "  matchlock exec vm-0a1b2c3d -- ps\n"
				    "  matchlock exec -it web -- sh\n"
				    "  matchlock exec -i web -- tar -x -C /srv <site.tar\n";

#define COMPLETION_ROW(shell, function, example)                                                \
	{                                                                                       \
		.name = shell, .summary = "print the script for " shell, .examples = example,   \
		.options = completion_flags, .options_size = sizeof(struct completion_options), \
		.run = function,                                                                \
	}

static const struct cli_command completion_commands[] = {
	COMPLETION_ROW("bash", cmd_completion_bash,
		       "  source <(matchlock completion bash)\n"
		       "  matchlock completion bash >/etc/bash_completion.d/matchlock\n"),
	COMPLETION_ROW("zsh", cmd_completion_zsh,
		       "  source <(matchlock completion zsh)\n"
		       "  matchlock completion zsh >\"${fpath[1]}/_matchlock\"\n"),
	COMPLETION_ROW("fish", cmd_completion_fish,
		       "  matchlock completion fish | source\n"
		       "  matchlock completion fish >~/.config/fish/completions/matchlock.fish\n"),
	COMPLETION_ROW("powershell", cmd_completion_powershell,
		       "  matchlock completion powershell | Out-String | Invoke-Expression\n"),
	{0},
};

static const struct cli_command system_commands[] = {
	{
		.name = "df",
		.summary = "show the space that images, sandboxes and templates take",
		.text = "Shows the space that images, sandboxes and templates take. What is "
			"reclaimable is "
			"freed by \"image prune --all\" (images), \"image gc\" (unreferenced "
			"blobs), \"gc\" (sandboxes that have ended) and \"template rm --all\".",
		.options = system_df_flags,
		.options_size = sizeof(struct system_df_options),
		.run = cmd_system_df,
	},
	{0},
};

static const struct cli_command setup_commands[] = {
	{
		.name = "linux",
		.summary = "prepare this host, as root",
		.text = "Prepares this host, once and as root, so that an ordinary user can run "
			"sandboxes: installs QEMU by the distribution's package manager, opens "
			"/dev/net/tun and /dev/kvm to the groups netdev and kvm, also after the "
			"next boot, and puts the user into them. The program needs no capability, "
			"and no sysctl and no firewall rule of the host is changed.",
		.examples = "  sudo matchlock setup linux\n"
			    "  matchlock setup linux --dry-run\n"
			    "  sudo matchlock setup linux --user alice --skip-vmm\n",
		.max_args = CLI_ANY,
		.options = setup_linux_flags,
		.options_size = sizeof(struct setup_options),
		.options_done = setup_options_done,
		.run = cmd_setup_linux,
	},
	{
		.name = "user",
		.operands = "<name>",
		.summary = "put a user into the groups kvm and netdev, as root",
		.examples = "  sudo matchlock setup user alice\n",
		.min_args = 1,
		.max_args = 1,
		.options = setup_user_flags,
		.options_size = sizeof(struct setup_user_options),
		.run = cmd_setup_user,
	},
	{0},
};

static const struct cli_command root_commands[] = {
	{
		.name = "run",
		.operands = "-- <command>",
		.summary = "run a command in a new sandbox",
		.text = run_text,
		.examples = run_examples,
		.max_args = CLI_ANY,
		.options = run_flags,
		.options_size = sizeof(struct run_options),
		.options_init = run_options_init,
		.options_done = run_options_done,
		.run = cmd_run,
	},
	{
		.name = "exec",
		.operands = "<id> -- <command>",
		.summary = "run a command in a sandbox that runs",
		.text = exec_text,
		.examples = exec_examples,
		.min_args = 1,
		.max_args = CLI_ANY,
		.options = exec_flags,
		.options_size = sizeof(struct exec_options),
		.options_init = exec_options_init,
		.options_done = exec_options_done,
		.complete = sandboxes_offer_ids,
		.run = cmd_exec,
	},
	{
		.name = "port-forward",
		.operands = "<id> [LOCAL_PORT:]REMOTE_PORT ...",
		.summary = "let programs of this host connect to ports of a sandbox",
		.text = "Listens at ports of this host, by default at 127.0.0.1 only, and connects "
			"whoever connects there to the TCP port of the same number, or to "
			"REMOTE_PORT, of the sandbox's 127.0.0.1. The sandbox needs no network "
			"for it. LOCAL_PORT 0 is any that is free; an address may stand in front, "
			"as in 0.0.0.0:8080:80. It goes on until Ctrl-C or until the sandbox "
			"ends.",
		.examples = "  matchlock port-forward web 8080:80\n"
			    "  matchlock port-forward --address 0.0.0.0,:: web 8080:80 5432\n",
		.min_args = 2,
		.max_args = CLI_ANY,
		.options = port_forward_flags,
		.options_size = sizeof(struct port_forward_options),
		.options_done = port_forward_options_done,
		.complete = sandboxes_offer_ids,
		.run = cmd_port_forward,
	},
	{
		.name = "list",
		.aliases = {"ls", "ps"},
		.summary = "list the sandboxes",
		.text = "Lists the sandboxes, newest first. One whose process was killed is shown "
			"as crashed; \"inspect\" tells why.",
		.max_args = CLI_ANY,
		.options = list_flags,
		.options_size = sizeof(struct list_options),
		.options_done = list_options_done,
		.run = cmd_list,
	},
	{
		.name = "get",
		.operands = "<id>",
		.summary = "show a sandbox as JSON",
		.min_args = 1,
		.max_args = 1,
		.complete = sandboxes_offer_ids,
		.run = cmd_get,
	},
	{
		.name = "inspect",
		.aliases = {"stat"},
		.operands = "<id>",
		.summary = "show a sandbox and its history as JSON",
		.min_args = 1,
		.max_args = 1,
		.complete = sandboxes_offer_ids,
		.run = cmd_inspect,
	},
	{
		.name = "log",
		.aliases = {"logs"},
		.operands = "<id>",
		.summary = "print what a sandbox has printed",
		.text = "Prints what the guest's console and the commands without a terminal have "
			"printed; of a very long log its end.",
		.min_args = 1,
		.max_args = 1,
		.options = log_flags,
		.options_size = sizeof(struct log_options),
		.complete = sandboxes_offer_ids,
		.run = cmd_log,
	},
	{
		.name = "audit",
		.operands = "<id|file>",
		.summary = "show what a sandbox's network was allowed and denied",
		.text = "Shows the decisions about each name, connection and request of a sandbox, "
			"why, and for those that were denied the command that would allow it; and "
			"how each connection ended. A word with a '/' in it is the file of a \"run "
			"--audit\".",
		.examples = "  matchlock audit web --denied --since 10m\n"
			    "  matchlock audit -f web\n"
			    "  matchlock audit --json ./audit.jsonl\n",
		.min_args = 1,
		.max_args = 1,
		.options = audit_flags,
		.options_size = sizeof(struct audit_options),
		.complete = sandboxes_offer_ids,
		.run = cmd_audit,
	},
	{
		.name = "stats",
		.aliases = {"top"},
		.operands = "[id...]",
		.summary = "show what sandboxes take of CPU, memory and disk",
		.text = "Shows what sandboxes take of this host, all that run or the named ones: "
			"CPU as percent of the VM's own, memory of the VM's process beside the "
			"guest's, the space of its disks, what was read of and written to the "
			"host's storage, what its connections have sent and received, and the "
			"time since the VM's start. On a terminal the "
			"table is drawn anew every second, busy sandboxes first, until q or "
			"Ctrl-C; elsewhere it is printed once.",
		.examples = "  matchlock top\n"
			    "  matchlock stats --no-stream web\n"
			    "  matchlock stats --json --stream >>usage.jsonl\n",
		.max_args = CLI_ANY,
		.options = stats_flags,
		.options_size = sizeof(struct stats_options),
		.complete = sandboxes_offer_ids,
		.run = cmd_stats,
	},
	{
		.name = "kill",
		.operands = "<id>...",
		.summary = "end sandboxes",
		.text = "Tells the processes that own the sandboxes to end them, and does not wait "
			"for it. What a sandbox without --rm leaves is removed by \"rm\".",
		.max_args = CLI_ANY,
		.options = kill_flags,
		.options_size = sizeof(struct kill_options),
		.complete = sandboxes_offer_ids,
		.run = cmd_kill,
	},
	{
		.name = "stop",
		.operands = "<id>...",
		.summary = "end sandboxes in order and wait for it",
		.text = "Lets the programs of a sandbox end by themselves for some time, then ends "
			"it, and returns when it has ended; several one after the other.",
		.min_args = 1,
		.max_args = CLI_ANY,
		.options = stop_flags,
		.options_size = sizeof(struct stop_options),
		.options_init = stop_options_init,
		.complete = sandboxes_offer_ids,
		.run = cmd_stop,
	},
	{
		.name = "rm",
		.aliases = {"remove"},
		.operands = "<id>...",
		.summary = "remove sandboxes that have ended",
		.max_args = CLI_ANY,
		.options = rm_flags,
		.options_size = sizeof(struct rm_options),
		.complete = sandboxes_offer_ids,
		.run = cmd_rm,
	},
	{
		.name = "prune",
		.summary = "remove all sandboxes that have ended",
		.max_args = CLI_ANY,
		.run = cmd_prune,
	},
	{
		.name = "pull",
		.operands = "<ref>",
		.summary = "bring an image into the store",
		.text = "Brings an image from its registry into the store, unless it is there "
			"under "
			"just this reference. Layers that other images have are not fetched again. "
			"Credentials are those of docker and podman; mirrors, plain HTTP and "
			"certificates are set in registries.json (docs/registries.md).",
		.examples =
			"  matchlock pull alpine:3.20\n"
			"  matchlock pull --tag app registry.example:5000/team/app@sha256:...\n",
		.min_args = 1,
		.max_args = 1,
		.options = pull_flags,
		.options_size = sizeof(struct pull_options),
		.options_done = pull_options_done,
		.complete = images_offer_refs,
		.run = cmd_pull,
	},
	{
		.name = "image",
		.summary = "list, import, export, remove and check images",
		.children = image_commands,
	},
	{
		.name = "template",
		.summary = "list, make and remove the templates that sandboxes start from",
		.children = template_commands,
	},
	{
		.name = "volume",
		.summary = "make, list, copy and remove disks that outlive sandboxes",
		.children = volume_commands,
	},
	{
		.name = "allow-list",
		.summary = "change what a sandbox that runs may reach",
		.children = allow_list_commands,
	},
	{
		.name = "policy",
		.summary = "ask what a sandbox may reach",
		.children = policy_commands,
	},
	{
		.name = "system",
		.summary = "show what matchlock keeps",
		.children = system_commands,
	},
	{
		.name = "gc",
		.operands = "[vm-id]",
		.summary = "clear what ended sandboxes left behind",
		.text = "Clears what is left of sandboxes whose process was killed: their disks, "
			"and with --rm all of them. Sandboxes that run are not touched.",
		.max_args = 1,
		.options = gc_flags,
		.options_size = sizeof(struct gc_options),
		.complete = sandboxes_offer_ids,
		.run = cmd_gc,
	},
	{
		.name = "setup",
		.summary = "prepare this host for sandboxes",
		.children = setup_commands,
	},
	{
		.name = "diagnose",
		.summary = "tell what keeps sandboxes from running here",
		.text = "Tries everything that a sandbox needs of this host, and names what mends "
			"what fails. Exits with 1 if anything fails; what only makes sandboxes "
			"slower is a warning.",
		.max_args = CLI_ANY,
		.options = diagnose_flags,
		.options_size = sizeof(struct diagnose_options),
		.run = cmd_diagnose,
	},
	{
		.name = "version",
		.summary = "print the version, with commit and build time",
		.max_args = CLI_ANY,
		.run = cmd_version,
	},
	{
		.name = "completion",
		.summary = "print a completion script for your shell",
		.text = "Prints a script that lets your shell complete commands, flags and their "
			"values.",
		.children = completion_commands,
	},
	{
		.name = "help",
		.operands = "[command path]",
		.summary = "help about any command",
		.max_args = CLI_ANY,
		.run = cmd_help,
	},
	{
		.name = "__supervise",
		.summary = "becomes the supervisor that run -d starts",
		.hidden = true,
		.raw = true,
		.run = cmd_supervise,
	},
	{
		.name = "__gateway",
		.summary = "becomes the gateway of a sandbox",
		.hidden = true,
		.raw = true,
		.run = cmd_gateway,
	},
	{
		.name = "__resolver",
		.summary = "becomes the resolver of a sandbox's gateway",
		.hidden = true,
		.raw = true,
		.run = cmd_resolver,
	},
	{
		.name = "__man",
		.summary = "prints a command's manual page for scdoc",
		.hidden = true,
		.raw = true,
		.run = cmd_man,
	},
	{
		.name = "__complete",
		.summary = "answers completion scripts",
		.hidden = true,
		.raw = true,
		.run = cmd_complete,
	},
	{
		.name = "__completeNoDesc",
		.summary = "answers completion scripts, without descriptions",
		.hidden = true,
		.raw = true,
		.run = cmd_complete_plain,
	},
	{0},
};

const struct cli_command matchlock_command = {
	.name = "matchlock",
	.summary = "run commands in sandboxes",
	.text = "Matchlock runs commands in sandboxes: small virtual machines that start from an "
		"image, need no root, and are gone when the command ends.",
	.examples = "  matchlock run --image matchlock/base -- cat /etc/os-release\n",
	.children = root_commands,
};
