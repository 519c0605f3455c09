// SPDX-License-Identifier: MIT
/*
 * See erofs_xattr.h.  The stream is seen once, so that the first inode with an attribute cannot
 * know whether others follow; it keeps its own copy.  What was seen is remembered up to a limit;
 * beyond it attributes are simply not shared.
 */
#include "image/erofs_xattr.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "image/erofs_format.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEEN_MAX = 1024 * 1024, /* bytes of all records that are remembered */
	SEEN_SIZE = 1024,	/* of one of them */
	SEEN_BUCKETS = 4096,
	NOT_SHARED = -1,
	SHARED_MAX = SEEN_MAX,
};

struct erofs_seen_xattr {
	struct erofs_seen_xattr *next;
	int64_t id; /* offset in the shared area in words, or NOT_SHARED */
	size_t len;
	char bytes[];
};

/* The longer name comes before the one that it starts with. */
static const struct {
	const char *text;
	uint8_t index;
	bool whole; /* nothing may follow */
} prefixes[] = {
	{"user.", 1, false},
	{"system.posix_acl_access", 2, true},
	{"system.posix_acl_default", 3, true},
	{"trusted.", 4, false},
	{"security.", 6, false},
};

/* What is left of the name behind its prefix, or NULL. */
static const char *split_name(const char *name, uint8_t *ret_index)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t len = strlen(prefixes[i].text);

		if (strncmp(name, prefixes[i].text, len) == 0 &&
		    (name[len] == '\0') == prefixes[i].whole) {
			*ret_index = prefixes[i].index;
			return name + len;
		}
	}
	return NULL;
}

const char *erofs_xattr_prefix(uint8_t index)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (prefixes[i].index == index)
			return prefixes[i].text;
	}
	return NULL;
}

bool erofs_xattr_storable(const char *name)
{
	uint8_t index;

	return split_name(name, &index) != NULL;
}

void erofs_xattrs_init(struct erofs_xattrs *xattrs)
{
	*xattrs = (struct erofs_xattrs){.shared = BUF_INIT(SHARED_MAX)};
	xattrs->table = xcalloc(SEEN_BUCKETS, sizeof(*xattrs->table));
}

void erofs_xattrs_done(struct erofs_xattrs *xattrs)
{
	for (size_t i = 0; xattrs->table && i < SEEN_BUCKETS; i++) {
		while (xattrs->table[i]) {
			struct erofs_seen_xattr *seen = xattrs->table[i];

			xattrs->table[i] = seen->next;
			free(seen);
		}
	}
	free(xattrs->table);
	buf_done(&xattrs->shared);
}

/* One attribute as it lies in the image. */
static int put_record(struct buf *out, const struct erofs_xattr *xattr, struct err *err)
{
	uint8_t prefix = 0;
	const char *name = split_name(xattr->name, &prefix);
	struct erofs_xattr_record record;

	if (!name)
		return err_set(err, ERR_INVALID, "EROFS cannot hold the attribute '%s'",
			       xattr->name);
	if (strlen(name) > UINT8_MAX || xattr->size > UINT16_MAX)
		return err_set(err, ERR_LIMIT, "the attribute '%.64s' is too long", xattr->name);
	record = (struct erofs_xattr_record){.name_len = (uint8_t)strlen(name),
					     .prefix = prefix,
					     .value_size = htole16((uint16_t)xattr->size)};
	buf_put(out, &record, sizeof(record));
	buf_puts(out, name);
	buf_put(out, xattr->value, xattr->size);
	while (out->len % sizeof(uint32_t) != 0 && !out->failed)
		buf_putc(out, '\0');
	return 0;
}

static size_t bucket_of(struct view record)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < record.len; i++)
		hash = (hash ^ (unsigned char)record.ptr[i]) * 16777619u;
	return hash % SEEN_BUCKETS;
}

/* The record in the table, added if there is room; NULL if it is not to be remembered. */
static struct erofs_seen_xattr *see(struct erofs_xattrs *xattrs, struct view record, bool *ret_new)
{
	struct erofs_seen_xattr **bucket = &xattrs->table[bucket_of(record)], *seen;

	*ret_new = false;
	for (seen = *bucket; seen; seen = seen->next) {
		if (seen->len == record.len && memcmp(seen->bytes, record.ptr, record.len) == 0)
			return seen;
	}
	if (record.len > SEEN_SIZE || xattrs->seen_size + sizeof(*seen) + record.len > SEEN_MAX)
		return NULL;
	xattrs->seen_size += sizeof(*seen) + record.len;
	seen = xcalloc(1, sizeof(*seen) + record.len);
	seen->id = NOT_SHARED;
	seen->len = record.len;
	memcpy(seen->bytes, record.ptr, record.len);
	seen->next = *bucket;
	*bucket = seen;
	*ret_new = true;
	return seen;
}

/* The number of the record in the shared area, or NOT_SHARED: at its first occurrence, and where
 * it is not remembered. */
static int64_t share(struct erofs_xattrs *xattrs, struct view record)
{
	bool is_new;
	struct erofs_seen_xattr *seen = see(xattrs, record, &is_new);

	if (!seen || is_new)
		return NOT_SHARED;
	if (seen->id == NOT_SHARED) {
		seen->id = (int64_t)(xattrs->shared.len / sizeof(uint32_t));
		buf_put(&xattrs->shared, record.ptr, record.len);
	}
	return seen->id;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct erofs_xattr *const *)a)->name,
		      (*(const struct erofs_xattr *const *)b)->name);
}

/* The attributes in the order of their names, whatever order they come in. */
static int sort(const struct erofs_xattr *list, size_t count, const struct erofs_xattr **ret_sorted,
		struct err *err)
{
	for (size_t i = 0; i < count; i++)
		ret_sorted[i] = &list[i];
	qsort(ret_sorted, count, sizeof(*ret_sorted), by_name);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(ret_sorted[i - 1]->name, ret_sorted[i]->name) == 0)
			return err_set(err, ERR_INVALID, "the attribute '%.64s' is given twice",
				       ret_sorted[i]->name);
	}
	return 0;
}

int erofs_xattrs_encode(struct erofs_xattrs *xattrs, const struct erofs_xattr *list, size_t count,
			struct buf *ret_bytes, struct err *err)
{
	const struct erofs_xattr *sorted[LIMIT_EROFS_XATTRS];
	AUTO_BUF struct buf record = BUF_INIT(LIMIT_EROFS_XATTR_BYTES);
	AUTO_BUF struct buf own = BUF_INIT(LIMIT_EROFS_XATTR_BYTES);
	struct erofs_xattr_header header = {0};
	uint32_t ids[LIMIT_EROFS_XATTRS];

	if (count == 0)
		return 0;
	if (count > LIMIT_EROFS_XATTRS)
		return err_set(err, ERR_LIMIT, "more than %d extended attributes",
			       LIMIT_EROFS_XATTRS);
	if (sort(list, count, sorted, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		int64_t id;

		buf_clear(&record);
		if (put_record(&record, sorted[i], err) < 0 ||
		    buf_check(&record, "an extended attribute", err) < 0)
			return -1;
		id = share(xattrs, (struct view){record.ptr, record.len});
		if (id == NOT_SHARED)
			buf_put(&own, record.ptr, record.len);
		else
			ids[header.shared_count++] = htole32((uint32_t)id);
	}
	if (buf_check(&own, "the list of extended attributes", err) < 0)
		return -1;
	buf_put(ret_bytes, &header, sizeof(header));
	buf_put(ret_bytes, ids, header.shared_count * sizeof(*ids));
	buf_put(ret_bytes, own.ptr, own.len);
	return buf_check(ret_bytes, "the list of extended attributes", err);
}

int erofs_xattrs_append(struct view encoded, const struct erofs_xattr *added, struct buf *ret_bytes,
			struct err *err)
{
	static const struct erofs_xattr_header header;

	if (encoded.len == 0)
		encoded = (struct view){(const char *)&header, sizeof(header)};
	buf_put(ret_bytes, encoded.ptr, encoded.len);
	if (put_record(ret_bytes, added, err) < 0)
		return -1;
	return buf_check(ret_bytes, "the list of extended attributes", err);
}
