// SPDX-License-Identifier: MIT
/*
 * The extended attributes of an inode, for the reader: first the numbers of those that lie in the
 * shared area, then those of its own.  They are handed out by name, as the writer takes them.
 *
 * Failure modes: ERR_PROTOCOL for an area that does not add up.
 */
#include "base/alloc.h"
#include "image/erofs_reader_internal.h"
#include "image/erofs_xattr.h"

#include <endian.h>
#include <string.h>

/* Where name and value of each one are in reader->xattr_texts, which moves while it grows. */
struct places {
	size_t count;
	size_t names[LIMIT_EROFS_XATTRS], values[LIMIT_EROFS_XATTRS];
};

/* One attribute: `record` with its name and value at `bytes`. */
static int take(struct erofs_reader *reader, const struct erofs_xattr_record *record,
		const char *bytes, struct places *places, struct err *err)
{
	const char *prefix = erofs_xattr_prefix(record->prefix);
	struct buf *texts = &reader->xattr_texts;

	if (!prefix || memchr(bytes, '\0', record->name_len))
		return erofs_damaged(err, "an extended attribute has no name");
	if (places->count == LIMIT_EROFS_XATTRS)
		return erofs_damaged(err, "more than %d extended attributes", LIMIT_EROFS_XATTRS);
	places->names[places->count] = texts->len;
	buf_puts(texts, prefix);
	buf_put(texts, bytes, record->name_len);
	buf_putc(texts, '\0');
	places->values[places->count] = texts->len;
	buf_put(texts, bytes + record->name_len, le16toh(record->value_size));
	if (buf_check(texts, "the list of extended attributes", err) < 0)
		return -1;
	if (!erofs_xattr_storable(texts->ptr + places->names[places->count]))
		return erofs_damaged(err, "an extended attribute has a bad name");
	reader->xattrs[places->count++].size = le16toh(record->value_size);
	return 0;
}

static int take_shared(struct erofs_reader *reader, uint32_t id, struct places *places,
		       struct err *err)
{
	char bytes[UINT8_MAX + UINT16_MAX];
	uint64_t at = reader->shared_xattrs + (uint64_t)id * sizeof(uint32_t);
	struct erofs_xattr_record record;

	if (erofs_reader_bytes(reader, at, &record, sizeof(record), err) < 0 ||
	    erofs_reader_bytes(reader, at + sizeof(record), bytes,
			       (size_t)record.name_len + le16toh(record.value_size), err) < 0)
		return -1;
	return take(reader, &record, bytes, places, err);
}

/* Those of the inode itself, one behind the other. */
static int take_own(struct erofs_reader *reader, struct view area, struct places *places,
		    struct err *err)
{
	while (area.len > 0) {
		struct erofs_xattr_record record;
		size_t size;

		if (area.len < sizeof(record))
			return erofs_damaged(err, "an extended attribute is cut off");
		memcpy(&record, area.ptr, sizeof(record));
		size = sizeof(record) + record.name_len + le16toh(record.value_size);
		size = (size + sizeof(uint32_t) - 1) & ~(sizeof(uint32_t) - 1);
		if (size > area.len)
			return erofs_damaged(err, "an extended attribute is cut off");
		if (take(reader, &record, area.ptr + sizeof(record), places, err) < 0)
			return -1;
		area = (struct view){area.ptr + size, area.len - size};
	}
	return 0;
}

static int take_area(struct erofs_reader *reader, struct view area, struct places *places,
		     struct err *err)
{
	struct erofs_xattr_header header;

	memcpy(&header, area.ptr, sizeof(header));
	area = (struct view){area.ptr + sizeof(header), area.len - sizeof(header)};
	if (header.shared_count * sizeof(uint32_t) > area.len)
		return erofs_damaged(err, "the list of extended attributes is cut off");
	for (size_t i = 0; i < header.shared_count; i++) {
		uint32_t id;

		memcpy(&id, area.ptr + i * sizeof(id), sizeof(id));
		if (take_shared(reader, le32toh(id), places, err) < 0)
			return -1;
	}
	area.ptr += header.shared_count * sizeof(uint32_t);
	area.len -= header.shared_count * sizeof(uint32_t);
	return take_own(reader, area, places, err);
}

int erofs_reader_xattrs(struct erofs_reader *reader, const struct erofs_stat *stat,
			size_t *ret_count, struct err *err)
{
	struct buf *area = &reader->xattr_area;
	struct places places = {0};
	char *room;

	*ret_count = 0;
	if (stat->xattr_size == 0)
		return 0;
	buf_clear(area);
	buf_clear(&reader->xattr_texts);
	room = buf_reserve(area, stat->xattr_size);
	if (!room)
		return erofs_damaged(err, "an inode with %zu bytes of extended attributes",
				     stat->xattr_size);
	if (erofs_reader_bytes(reader, stat->xattrs, room, stat->xattr_size, err) < 0 ||
	    take_area(reader, (struct view){room, stat->xattr_size}, &places, err) < 0)
		return -1;
	for (size_t i = 0; i < places.count; i++) {
		reader->xattrs[i].name = reader->xattr_texts.ptr + places.names[i];
		reader->xattrs[i].value = reader->xattr_texts.ptr + places.values[i];
	}
	*ret_count = places.count;
	return 0;
}
