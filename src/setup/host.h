// SPDX-License-Identifier: MIT
/* The acts of which set-up is made.  Each does nothing where nothing is to be done, tells what it
 * does on standard output, and in a dry run only tells. */
#pragma once

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <sys/stat.h>

struct host {
	bool dry_run;
};

/* One line: what is so ("✓ ..."), or what the user should know ("⚠ ..."). */
void host_done(const char *fmt, ...) ML_PRINTF(1, 2);
void host_warn(const char *fmt, ...) ML_PRINTF(1, 2);

/* Runs a program of the system by its name, with what it prints on standard output dropped.
 * ERR_UNAVAILABLE when it is not installed. */
int host_run(const struct host *host, const char *const *argv, struct err *err);

/* Makes the file at `path`, with its missing folders, hold just `text`. */
int host_write(const struct host *host, const char *path, const char *text, struct err *err);

/* Makes the character device at `path`, of root only, if nothing is there.  ERR_CONFLICT when
 * something else is. */
int host_make_device(const struct host *host, const char *path, dev_t device, struct err *err);

/* Gives `path` to root and a group, with this mode. */
int host_own(const struct host *host, const char *path, const char *group, mode_t mode,
	     struct err *err);

/* True if a program of this name is installed. */
bool host_has(const char *program);
