// SPDX-License-Identifier: MIT
/* One entry from an EROFS image into another. */
#pragma once

#include "base/err.h"
#include "image/erofs.h"
#include "image/erofs_reader.h"

#include <stdbool.h>
#include <stdint.h>

/* Adds the entry, and the content of inode `nid` of the reader if it is a regular file; holes stay
 * holes. */
int erofs_copy(struct erofs_reader *reader, uint64_t nid, const struct erofs_entry *entry,
	       struct erofs_writer *writer, struct err *err);

/* What overlayfs takes it for: a device 0:0 that hides a name of the layers below, a directory that
 * hides all that they have in it. */
bool erofs_is_whiteout(const struct erofs_entry *entry);
bool erofs_is_opaque(const struct erofs_entry *entry);

/* The attributes that are overlayfs's own, which never belong to an image: "trusted.overlay." */
bool erofs_is_overlay_xattr(const char *name);
/* Leaves the entry only the others, in `room` (LIMIT_EROFS_XATTRS), which has to live as long. */
void erofs_drop_overlay(struct erofs_entry *entry, struct erofs_xattr *room);
