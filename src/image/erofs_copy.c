// SPDX-License-Identifier: MIT
/* See erofs_copy.h. */
#include "image/erofs_copy.h"

#include <string.h>
#include <sys/stat.h>

static int put_data(void *ctx, const void *bytes, size_t len, struct err *err)
{
	return erofs_write_data(ctx, bytes, len, err);
}

static int put_hole(void *ctx, uint64_t len, struct err *err)
{
	return erofs_write_hole(ctx, len, err);
}

int erofs_copy(struct erofs_reader *reader, uint64_t nid, const struct erofs_entry *entry,
	       struct erofs_writer *writer, struct err *err)
{
	const struct erofs_sink sink = {put_data, put_hole, writer};

	if (erofs_add(writer, entry, err) < 0)
		return -1;
	if (entry->link || !S_ISREG(entry->mode))
		return 0;
	return erofs_reader_data(reader, nid, &sink, err);
}

bool erofs_is_whiteout(const struct erofs_entry *entry)
{
	return S_ISCHR(entry->mode) && entry->rdev == 0;
}

bool erofs_is_overlay_xattr(const char *name)
{
	return strncmp(name, "trusted.overlay.", strlen("trusted.overlay.")) == 0;
}

void erofs_drop_overlay(struct erofs_entry *entry, struct erofs_xattr *room)
{
	size_t kept = 0;

	for (size_t i = 0; i < entry->xattr_count; i++) {
		if (!erofs_is_overlay_xattr(entry->xattrs[i].name))
			room[kept++] = entry->xattrs[i];
	}
	entry->xattrs = room;
	entry->xattr_count = kept;
}

bool erofs_is_opaque(const struct erofs_entry *entry)
{
	for (size_t i = 0; S_ISDIR(entry->mode) && i < entry->xattr_count; i++) {
		const struct erofs_xattr *xattr = &entry->xattrs[i];

		if (strcmp(xattr->name, "trusted.overlay.opaque") == 0)
			return xattr->size == 1 && memcmp(xattr->value, "y", 1) == 0;
	}
	return false;
}
