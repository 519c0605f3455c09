// SPDX-License-Identifier: MIT
/*
 * The flags of `run` (reference: cli-and-rpc.md chapter 3), and what becomes of them.  The parser
 * fills the first part, straight into the sandbox's spec where it has the field; the command then
 * calls, in the order in which the reference tells errors,
 *
 *	run_options_check()	before the image is looked up
 *	run_options_resolve()	with the image's config: command, environment, host names
 */
#pragma once

#include "api/image_config.h"
#include "api/port_mapping.h"
#include "api/sandbox_spec.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/policy_flags.h"
#include "cli/timings_out.h"
#include "image/resolve.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	RUN_TIMEOUT_S_MAX = 365 * 24 * 3600,
	RUN_GRACE_S_MAX = 24 * 3600,
};

struct run_options {
	/* By flags: image, name, cpus, memory_mb, disk_size_mb, timeout_s, hostname, dns_servers,
	 * no_network, mtu, network_intercept, policy.audit_only, audit_path, privileged.  By
	 * run_options_check(): policy, upstream_proxy, no_proxy.  By run_options_resolve(): disks,
	 * env, add_hosts, labels, image_config. */
	struct sandbox_spec spec;
	enum pull_policy pull;
	bool timeout_set; /* only then the limit is enforced */
	bool rm, rm_set, detach, tty, interactive;
	char *entrypoint;
	bool entrypoint_set;
	char *workdir, *user;
	char **env, **env_file, **add_host, **label, **disk, **publish, **address;
	struct policy_flags policy;
	bool upstream_proxy_given;
	int64_t graceful_shutdown_ns;
	char *accel; /* "auto", "kvm", "tcg" */
	bool no_template, no_template_build;
	enum timings_format timings;

	/* by run_options_resolve() */
	char **words;		    /* entrypoint and command; NULL with an empty command */
	char *command;		    /* the words quoted for `sh -c`; "" with an empty command */
	char **environment;	    /* the image's and the user's variables, each name once */
	struct port_mapping *ports; /* of --publish and --address */
	size_t port_count;
};

extern const struct cli_option run_flags[];
void run_options_init(void *options);
void run_options_done(void *options);

/* Numbers, names, addresses and what the network may reach; `host_cpus` as in
 * sandbox_spec_check(). */
int run_options_check(struct run_options *options, unsigned host_cpus, struct err *err);

/* Composes the command from the operands `words` (NULL-ended) and the image's config, reads --env
 * and --env-file, finds the files of --disk, checks --add-host and --publish, and fills the rest of
 * the options and the spec. MATCHLOCK_TEMPLATE_BUILD=0 is --no-template-build. */
int run_options_resolve(struct run_options *options, char *const *words,
			const struct image_config *image, struct err *err);
