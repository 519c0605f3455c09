// SPDX-License-Identifier: MIT
/*
 * Between proc and confine: what is prepared before the fork, and the steps of the child, which
 * make system calls only (no allocation, no formatting).  A step that fails says so in a
 * `struct child_failure`; the texts are literals or belong to the spec.
 */
#pragma once

#include "base/confine.h"

#include <linux/filter.h>

struct child_failure {
	const char *step; /* "mount" */
	const char *what; /* "/usr/lib", or "" */
	int errnum;
};

/* Fills *failure from errno; a macro so that the -1 is visible. */
#define child_fail(failure, step, what) (child_fail_((failure), (step), (what)), -1)
void child_fail_(struct child_failure *failure, const char *step, const char *what);

/* The parent's part: the filter as BPF, malloc'ed in ret_program->filter. */
int confine_compile(const struct confine_spec *spec, struct sock_fprog *ret_program,
		    struct err *err);

/* Makes the private root and enters it.  `tmpfs_options` limit its size: confine_tmpfs_options(),
 * called in the parent. */
int confine_root(const struct confine_spec *spec, const char *tmpfs_options,
		 struct child_failure *failure);
enum { CONFINE_TMPFS_OPTIONS_SIZE = 64 };
int confine_tmpfs_options(const struct confine_spec *spec,
			  char ret_text[CONFINE_TMPFS_OPTIONS_SIZE], struct err *err);

/* No capability now or after any exec. */
int confine_drop_privileges(struct child_failure *failure);
int confine_landlock(const struct confine_spec *spec, struct child_failure *failure);

/* Whether a row of the table waits for the parent. */
bool confine_notifies(const struct confine_spec *spec);
/* *ret_listener: where the parent hears of it (close-on-exec), else -1. */
int confine_filter(const struct confine_spec *spec, const struct sock_fprog *program,
		   int *ret_listener, struct child_failure *failure);
