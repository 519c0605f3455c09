// SPDX-License-Identifier: MIT
/*
 * Named volumes: ext4 file systems in CACHE_HOME/volumes/NAME.ext4, which sandboxes mount by
 * `--disk @NAME:...` (reference: cli-and-rpc.md chapter 8).  Many processes may use them at once; a
 * volume is there as a whole or not at all.
 */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct state;

enum { VOLUME_MB_MAX = 16 * 1024 * 1024 - 1, VOLUME_NAME_BYTES = 200 };

/* The file of a volume that exists; white space around the name is dropped.  ERR_INVALID "invalid
 * volume name: ..."; ERR_NOT_FOUND "named volume not found: NAME". */
int volume_find(const char *cache_home, const char *name, char **ret_path, struct err *err);

struct volume_row {
	char *name, *path;
	uint64_t size; /* as the guest sees it */
};
struct volume_rows {
	struct volume_row *rows; /* by name */
	size_t count;
};
void volume_row_done(struct volume_row *row);
void volume_rows_done(struct volume_rows *rows);
int volume_list(const char *cache_home, struct volume_rows *ret_rows, struct err *err);

/* Makes an empty volume.  ERR_CONFLICT "named volume already exists: NAME". */
int volume_create(const char *cache_home, const char *name, int64_t size_mb,
		  struct volume_row *ret_row, struct err *err);

/* Copies a volume that nobody writes to; blocks are shared where the file system can, holes stay
 * holes.  ERR_CONFLICT when it is in use (state/volume_file.h) or `to` exists. */
int volume_copy(struct state *state, const char *cache_home, const char *from, const char *to,
		struct err *err);

/* Removes a volume that nobody uses: ERR_CONFLICT names who does. */
int volume_remove(struct state *state, const char *cache_home, const char *name, struct err *err);
