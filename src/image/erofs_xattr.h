// SPDX-License-Identifier: MIT
/*
 * Extended attributes as an inode carries them.  An attribute that occurs once stays with its
 * inode; from its second occurrence on it is written once for all, in the shared area.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "image/erofs.h"

#include <stddef.h>
#include <stdint.h>

struct erofs_seen_xattr;

struct erofs_xattrs {
	struct erofs_seen_xattr **table;
	size_t seen_size;  /* bytes of the table's records */
	struct buf shared; /* the shared area */
};

void erofs_xattrs_init(struct erofs_xattrs *xattrs);
void erofs_xattrs_done(struct erofs_xattrs *xattrs);

/* Appends to `ret_bytes` what follows an inode with these attributes (nothing if there are none),
 * a multiple of 4 bytes.  ERR_INVALID for a name that EROFS has no prefix for or that comes twice,
 * ERR_LIMIT for too many or too long ones. */
int erofs_xattrs_encode(struct erofs_xattrs *xattrs, const struct erofs_xattr *list, size_t count,
			struct buf *ret_bytes, struct err *err);

/* The same for attributes encoded before and one more. */
int erofs_xattrs_append(struct view encoded, const struct erofs_xattr *added, struct buf *ret_bytes,
			struct err *err);

/* The text that a prefix number stands for, NULL for an unknown one. */
const char *erofs_xattr_prefix(uint8_t index);
