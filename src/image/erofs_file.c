// SPDX-License-Identifier: MIT
/*
 * The content of regular files, as it arrives.  Whole blocks go out at once; what lies behind the
 * last whole block waits, for it may fit behind the inode, which is laid when the last byte came.
 *
 * A file of more than 128 KiB is looked at in chunks: one that holds nothing but zeros is left out,
 * and then (only then) a table of chunks takes the place of the first block's number.  Zeros are
 * held back as a number until their chunk turns out to hold something else.
 */
#include "base/alloc.h"
#include "base/limits.h"
#include "base/text.h"
#include "image/erofs_internal.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK_BITS_MIN = 4,	   /* 64 KiB */
	CHUNKED_SIZE = 128 * 1024, /* larger files are looked at in chunks */
};

static uint64_t chunk_size(const struct erofs_file *file)
{
	return (uint64_t)EROFS_BLOCK << file->chunk_bits;
}

static int file_end(struct erofs_writer *writer, struct err *err)
{
	struct erofs_file *file = &writer->file;
	size_t tail = (size_t)(file->size - file->tail_start);
	struct erofs_raw raw = {
		.attr = &file->attr,
		.size = file->size,
		.nlink = 1,
		.place = file->tail_start > 0 ? file->start : 0,
		.xattrs = {writer->entry_xattrs.ptr, writer->entry_xattrs.len},
	};
	bool tail_out = tail > 0;

	if (file->has_holes) {
		raw.layout = EROFS_CHUNKED;
		raw.place = file->chunk_bits;
		raw.tail = (struct view){(char *)file->chunks,
					 file->chunk_count * sizeof(*file->chunks)};
		tail_out = tail > 0 &&
			   file->chunks[file->chunk_count - 1] != htole32(EROFS_NULL_CHUNK);
		writer->chunked = true;
	} else if (tail > 0 && erofs_fits_inline(writer, &raw, tail)) {
		raw.layout = EROFS_FLAT_INLINE;
		raw.tail = (struct view){file->tail, tail};
		tail_out = false;
	} else {
		raw.place = file->start;
	}
	if (tail_out && (erofs_out_put(&writer->out, file->tail, tail, err) < 0 ||
			 erofs_out_align(&writer->out, err) < 0))
		return -1;
	if (erofs_put_inode(writer, file->node, &raw, EROFS_TYPE_REG, err) < 0)
		return err_wrap(err, "entry %s", file->name);
	free(file->name);
	file->name = NULL;
	return 0;
}

int erofs_file_begin(struct erofs_writer *writer, struct erofs_node *node,
		     const struct erofs_attr *attr, const struct erofs_entry *entry,
		     struct err *err)
{
	struct erofs_file *file = &writer->file;

	if (entry->size > LIMIT_EROFS_FILE)
		return err_set(err, ERR_LIMIT, "%llu bytes are more than %llu GiB",
			       (unsigned long long)entry->size,
			       (unsigned long long)(LIMIT_EROFS_FILE >> 30));
	file->node = node;
	file->attr = *attr;
	file->size = entry->size;
	file->seen = file->put = 0;
	file->tail_start = entry->size - entry->size % EROFS_BLOCK;
	file->start = file->next_block = erofs_out_block(&writer->out);
	file->chunk_bits = CHUNK_BITS_MIN;
	while (chunk_size(file) * EROFS_CHUNKS_MAX < entry->size)
		file->chunk_bits++;
	file->chunk_count = 0;
	file->in_chunks = file->in_zeros = entry->size > CHUNKED_SIZE;
	file->has_holes = false;
	file->name = text_quoted(entry->path);
	return entry->size == 0 ? file_end(writer, err) : 0;
}

/* Appends to the image, or to the tail behind the last whole block; NULL stands for zeros. */
static int emit(struct erofs_writer *writer, const char *bytes, size_t len, struct err *err)
{
	struct erofs_file *file = &writer->file;
	size_t whole = 0;

	if (file->put < file->tail_start)
		whole = (size_t)MIN((uint64_t)len, file->tail_start - file->put);
	if (whole > 0) {
		if ((bytes ? erofs_out_put(&writer->out, bytes, whole, err)
			   : erofs_out_zero(&writer->out, whole, err)) < 0)
			return err_wrap(err, "entry %s", file->name);
		file->put += whole;
	}
	if (len > whole) {
		char *tail = file->tail + (file->put - file->tail_start);

		if (bytes)
			memcpy(tail, bytes + whole, len - whole);
		else
			memset(tail, 0, len - whole);
		file->put += len - whole;
	}
	return 0;
}

static bool all_zero(const char *bytes, size_t len)
{
	return !bytes || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* `len` more bytes of the chunk have been looked at; at its end the next one begins. */
static void chunk_pass(struct erofs_file *file, size_t len)
{
	file->seen += len;
	if (file->seen % chunk_size(file) != 0 && file->seen < file->size)
		return;
	if (file->in_zeros) {
		file->chunks[file->chunk_count++] = htole32(EROFS_NULL_CHUNK);
		file->has_holes = true;
		file->put = file->seen;
	}
	file->in_zeros = true;
}

/* Adds bytes chunk by chunk.  `run` is where those begin that are still to be put out: neighbours
 * go out in one piece. */
static int add_in_chunks(struct erofs_writer *writer, const char *bytes, size_t len,
			 struct err *err)
{
	struct erofs_file *file = &writer->file;
	size_t run = 0, part;

	for (size_t at = 0; at < len; at += part) {
		const char *from = bytes ? bytes + at : NULL;

		part = (size_t)MIN((uint64_t)(len - at),
				   chunk_size(file) - file->seen % chunk_size(file));
		if (file->in_zeros && all_zero(from, part)) {
			if (emit(writer, bytes ? bytes + run : NULL, at - run, err) < 0)
				return -1;
			run = at + part;
		} else if (file->in_zeros) {
			size_t held_back = (size_t)(file->seen - file->put) - (at - run);

			if (held_back > 0 && emit(writer, NULL, held_back, err) < 0)
				return -1;
			file->in_zeros = false;
			file->chunks[file->chunk_count++] = htole32(file->next_block);
			file->next_block += 1u << file->chunk_bits;
		}
		chunk_pass(file, part);
	}
	return emit(writer, bytes ? bytes + run : NULL, len - run, err);
}

static int add(struct erofs_writer *writer, const char *bytes, uint64_t len, struct err *err)
{
	struct erofs_file *file = &writer->file;

	if (len == 0)
		return 0;
	if (!file->name)
		return err_set(err, ERR_INVALID, "data without a regular file to hold it");
	if (len > file->size - file->seen)
		return err_set(err, ERR_INVALID, "entry %s: more data than its %llu bytes",
			       file->name, (unsigned long long)file->size);
	if (file->in_chunks) {
		if (add_in_chunks(writer, bytes, (size_t)len, err) < 0)
			return -1;
	} else {
		file->seen += len;
		if (emit(writer, bytes, (size_t)len, err) < 0)
			return -1;
	}
	return file->seen == file->size ? file_end(writer, err) : 0;
}

int erofs_write_data(struct erofs_writer *writer, const void *bytes, size_t len, struct err *err)
{
	return add(writer, bytes, len, err);
}

int erofs_write_hole(struct erofs_writer *writer, uint64_t len, struct err *err)
{
	return add(writer, NULL, len, err);
}
