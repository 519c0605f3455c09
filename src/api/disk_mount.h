// SPDX-License-Identifier: MIT
/* `--disk SOURCE:GUEST[:ro]`: an ext4 file that the guest mounts (reference: cli-and-rpc.md 3.7).
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct disk_mount {
	char *host_path;   /* absolute; from disk_mount_parse() as typed, "@NAME" is a volume */
	char *guest_mount; /* absolute, without "//", "." or ".." */
	bool read_only;
};

/* Takes `text` apart; release with disk_mount_done().  Nothing is looked up. */
int disk_mount_parse(const char *text, struct disk_mount *ret_mount, struct err *err);
void disk_mount_done(struct disk_mount *mount);

/* Brings `count` mounts into the order in which they can be mounted, a folder before what lies in
 * it.  ERR_INVALID when two have the same place. */
int disk_mounts_order(struct disk_mount *mounts, size_t count, struct err *err);
