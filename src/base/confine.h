// SPDX-License-Identifier: MIT
/*
 * What a confined process may still see and do.  Given to proc_start(), which prepares it in the
 * parent and applies it in the child, in this order: private root, capabilities dropped for good,
 * no_new_privs, Landlock (where the kernel has it), seccomp.  Works without privilege, in the
 * child's own user and mount namespace.  With `keep_root` it needs no namespace: the process sees
 * the host's root, and Landlock alone says which of its files can be opened.
 *
 * The private root is a read-only tmpfs that holds the listed paths and files and nothing else: no
 * /proc, no /dev, nothing of the user's.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum confine_path_flags {
	CONFINE_OPTIONAL = 1, /* skipped where the host does not have it */
	CONFINE_DEVICE = 2,   /* may be opened for writing and for ioctl */
	CONFINE_WRITABLE = 4, /* a folder whose files may be made, written, renamed, removed; only
				 with `keep_root` */
};

/* A path of the host that shows at the same place: directories and files by read-only bind mount,
 * a symbolic link as the same link.  Absolute, without `..`; parents before children. */
struct confine_path {
	const char *path;
	unsigned flags;
};

/* Rows of `paths`: what the dynamic linker loads. */
#define CONFINE_LIBRARIES                                                               \
	{"/lib", CONFINE_OPTIONAL}, {"/lib64", CONFINE_OPTIONAL}, {"/usr/lib", 0},      \
		{"/usr/lib64", CONFINE_OPTIONAL}, {"/usr/local/lib", CONFINE_OPTIONAL}, \
	{                                                                               \
		"/etc/ld.so.cache", CONFINE_OPTIONAL                                    \
	}

/* A regular file that the process insists on opening by name and that we have as a descriptor.  The
 * file itself is bound where its path still leads to it and the process may read it; else its
 * content is copied.  `path` has one component: "/kernel". */
struct confine_file {
	const char *path;
	int fd;
};

/* What a system call meets.  Everything that is not listed is allowed. */
enum confine_verdict {
	CONFINE_EPERM = 1,
	CONFINE_ENOSYS, /* the C library then falls back to an older call */
	CONFINE_KILL,	/* the whole process: no honest program does this */
	CONFINE_NOTIFY, /* open, openat: wait for the parent's answer, base/confine_notify.h */
	CONFINE_ALLOW,	/* although the common table denies it */
};

enum confine_when {
	CONFINE_ALWAYS,
	CONFINE_IF_ANY,	  /* the argument `arg` has at least one of the bits `mask` */
	CONFINE_IF_NONE,  /* it has none of them */
	CONFINE_IF_EQUAL, /* it is `mask` */
	CONFINE_IF_FIELD, /* its bits `mask` are `value` */
};

/* One row of a seccomp table. */
struct confine_call {
	const char *name;
	enum confine_verdict verdict;
	enum confine_when when;
	unsigned arg;
	uint32_t mask, value;
};

struct confine_spec {
	bool keep_root;	       /* no private root; then symbolic links in `paths` are followed */
	const uint16_t *ports; /* TCP ports that it may connect to (Landlock ABI 4); no other */
	size_t port_count;
	bool any_port; /* to all of them */
	const struct confine_path *paths;
	size_t path_count;
	const struct confine_file *files;
	size_t file_count;
	bool common_calls; /* also those of confine_calls.h */
	const struct confine_call *calls;
	size_t call_count;
};

/* For the confined process itself, once it runs: no program can be executed any more, and no other
 * process be signalled or limited. */
int confine_to_self(struct err *err);
