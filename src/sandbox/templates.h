// SPDX-License-Identifier: MIT
/*
 * The templates that this user has: CACHE/templates/.
 *
 *	KEY/		one template; not changed any more once it has this name
 *	  ram		the guest's memory, sparse
 *	  state		its devices, as the VMM wrote them
 *	  upper.ext4	the writable disk at that moment (an image's template only)
 *	  about.json	what it was made for; its time of change is that of the last use
 *	.KEY.XXXXXX/	one that is being made, or is left over from a builder that was killed
 *	KEY.lock	held by the process that makes it
 *
 * The key says everything that a template depends on (sandbox/template_key.h), so nothing here asks
 * whether a template fits.  A template of another user, or one that others may write to, does not
 * exist for us.  Removing one does not disturb the VMs that run from it.
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEMPLATE_KEY_SIZE = 33 }; /* 32 hex digits and a NUL */

struct template_about {
	char *image; /* NULL: a generic one */
	char *accel;
	unsigned cpus, memory_mb;
	int64_t disk_mb;  /* of the upper disk; 0: a generic one */
	unsigned tsc_khz; /* of the host's counter; 0: unknown */
	bool network;	  /* its card is in use; false: a generic one, or for --no-network */
};
void template_about_done(struct template_about *about);

/* Open for reading; -1: it has none. */
struct template_files {
	int ram_fd, state_fd, upper_fd;
};
#define TEMPLATE_FILES_NONE                                  \
	{                                                    \
		.ram_fd = -1, .state_fd = -1, .upper_fd = -1 \
	}
void template_files_close(struct template_files *files);

/* Opens the template and notes its use.  ERR_NOT_FOUND: there is none, or it is not safely ours.
 * ERR_INVALID: it is damaged, or not for a host whose counter runs at `tsc_khz` (0: any), and wants
 * to be removed. */
int templates_open(const char *cache_home, const char *key, unsigned tsc_khz,
		   struct template_files *ret_files, struct err *err);

/* Removes it, if it is there. */
int templates_remove(const char *cache_home, const char *key, struct err *err);

/* --- making one --- */

struct template_draft;

/* Takes the lock on `key`, waiting for another builder up to `wait_ms` (then ERR_TIMEOUT), and
 * clears what dead builders of it left.  *ret_draft is NULL if the template is there by then. */
int template_draft_begin(const char *cache_home, const char *key, unsigned wait_ms,
			 struct template_draft **ret_draft, struct err *err);

/* Makes the file `name` of the draft, of `size` bytes that are a hole, open for reading and
 * writing. */
int template_draft_file(struct template_draft *draft, const char *name, uint64_t size, int *ret_fd,
			struct err *err);

/* The path of `name` in the draft, malloc'ed. */
char *template_draft_path(const struct template_draft *draft, const char *name);

/* The files so far, open for reading, to try them. */
int template_draft_open(struct template_draft *draft, struct template_files *ret_files,
			struct err *err);

/* Gives the draft its name. */
int template_draft_commit(struct template_draft *draft, const struct template_about *about,
			  struct err *err);

/* Gives up the lock, and the draft if it was not committed.  NULL is allowed. */
void template_draft_free(struct template_draft *draft);
DEFINE_AUTO(template_draft)

/* --- all of them --- */

struct template_row {
	char key[TEMPLATE_KEY_SIZE];
	struct template_about about;
	uint64_t size;	 /* bytes allocated on the disk */
	int64_t used_at; /* seconds since the epoch */
	bool building;	 /* a builder holds the lock; nothing else is known unless `complete` */
	bool complete;
};

struct template_rows {
	struct template_row *rows; /* last used first */
	size_t count;
};
void template_rows_done(struct template_rows *rows);

/* Also those that are being made.  Leaves out what is damaged; template_prune() removes it. */
int templates_list(const char *cache_home, struct template_rows *ret_rows, struct err *err);

/* Removes the least recently used until at most `max_bytes` are left, what dead builders left and
 * what is damaged; *ret_freed in bytes.  One that is being made is left alone. */
int templates_prune(const char *cache_home, uint64_t max_bytes, uint64_t *ret_freed,
		    struct err *err);
