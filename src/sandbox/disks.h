// SPDX-License-Identifier: MIT
/*
 * The disks of one VM, opened for the VMM and described to the agent in the same order: the
 * kernel's modules, the image's layers (base first), the user's own disks, the writable upper
 * layer.
 */
#pragma once

#include "api/disk_mount.h"
#include "base/err.h"
#include "base/limits.h"
#include "vmm/vmm.h"
#include "wire/agent.h"

#include <stdbool.h>
#include <stdint.h>

struct state;

struct disks {
	struct vm_disk vm[LIMIT_DISKS];
	struct agent_disk agent[LIMIT_DISKS];
	size_t count;
};

/* Opens modules and layers, with room for `data_count` disks of the user's: ERR_LIMIT tells how
 * many are possible.  The caller ends with disks_done(), also after a failure. */
int disks_open(char *const *layers, size_t data_count, struct disks *ret_disks, struct err *err);

/* Adds the user's own disks: locked (state/volume_file.h) until disks_done() and the end of the
 * VMM, and known to be ext4.  The mounts are borrowed until disks_done(). */
int disks_add_data(struct disks *disks, struct state *state, const struct disk_mount *mounts,
		   size_t count, struct err *err);

/* Whether the guest writes to anything that outlives it. */
bool disks_are_written(const struct disks *disks);

/* Makes the file `path` and adds it as the upper layer, which is always the last: a copy of
 * `seed_fd`, or with -1 an empty one of `upper_mb`. */
int disks_add_upper(struct disks *disks, const char *path, int seed_fd, int64_t upper_mb,
		    struct err *err);

/* Takes the upper layer away, its file stays. */
void disks_close_upper(struct disks *disks);

/* Takes the upper layer away and removes its file: for another try with another one. */
void disks_drop_upper(struct disks *disks, const char *path);

void disks_done(struct disks *disks);
