// SPDX-License-Identifier: MIT
/*
 * What a sandbox is: the configuration object of the command line and of JSON-RPC (reference:
 * cli-and-rpc.md chapter 10), as one struct.  Filled by cli/ or rpc/, read by sandbox/.
 */
#pragma once

#include "api/disk_mount.h"
#include "api/image_config.h"
#include "api/policy_spec.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { SPEC_CPUS = 1, SPEC_MEMORY_MB = 512, SPEC_DISK_SIZE_MB = 5120, SPEC_TIMEOUT_S = 300 };
enum { SPEC_MTU = 1500 };

/* A guest does not boot in less memory; an ext4 file system with a journal wants the disk. */
enum {
	SPEC_MEMORY_MB_MIN = 128,
	SPEC_MEMORY_MB_MAX = 1024 * 1024,
	SPEC_DISK_SIZE_MB_MIN = 64,
	SPEC_DISK_SIZE_MB_MAX = 16 * 1024 * 1024,
	SPEC_HOSTNAME_BYTES = 64, /* what Linux stores */
	SPEC_NAME_BYTES = 64,
	SPEC_LABELS = 64,
	SPEC_LABEL_BYTES = 1024,
};

struct sandbox_spec {
	char *image;	/* as typed */
	char *name;	/* by which commands find it; "" = by its id only */
	json_t *labels; /* an object of strings; NULL = none */
	bool privileged;
	double cpus; /* fractions allowed */
	int64_t memory_mb;
	int64_t disk_size_mb;	  /* of the writable layer */
	struct disk_mount *disks; /* in the order of mounting; disk_count of them */
	size_t disk_count;
	int64_t timeout_s; /* recorded; `run --timeout` enforces it */
	bool no_network;
	int64_t mtu;		   /* of the network card */
	char *hostname;		   /* "" = the VM id */
	char **dns_servers;	   /* NULL = 8.8.8.8, 8.8.4.4 */
	char **add_hosts;	   /* "HOST:IP", checked, IP in canonical form */
	struct policy_spec policy; /* what its network may reach */
	bool network_intercept;	   /* TLS of all hosts is to be intercepted */
	char *upstream_proxy;	   /* "" = none; may hold a password, so it is shown nowhere */
	char *no_proxy;		   /* what goes past it, as in NO_PROXY; "" = nothing */
	char *audit_path;	   /* absolute; "" = in the sandbox's directory */
	char **env;		   /* "KEY=VALUE" of --env-file and --env, in order, last wins */
	struct image_config image_config; /* of the image, with the run's overrides */
};

/* Defaults; free with sandbox_spec_done(). */
void sandbox_spec_init(struct sandbox_spec *spec);
void sandbox_spec_done(struct sandbox_spec *spec);

/* Adds "KEY=VALUE" or "KEY" (an empty value), replacing an earlier one of the same key. */
int sandbox_spec_add_label(struct sandbox_spec *spec, const char *label, struct err *err);

/* Adds a disk and takes over what it owns. */
void sandbox_spec_add_disk(struct sandbox_spec *spec, struct disk_mount *mount);

/* The checks of cli-and-rpc.md 3.2 that need no image: cpus, memory, disk size, name, host name,
 * resolvers. `host_cpus` is what the process may use. */
int sandbox_spec_check(const struct sandbox_spec *spec, unsigned host_cpus, struct err *err);

/* The configuration object as "get" and "inspect" show it (with "id").  Fractions are exact: dump
 * with JSON_REAL_PRECISION(15). */
json_t *sandbox_spec_to_json(const struct sandbox_spec *spec, const char *id);
