// SPDX-License-Identifier: MIT
/*
 * See tar_reader.h.  No filters and no other formats are registered.  In the locale "C", which is
 * ours, names that are not ASCII come as they are in the tar (those of pax headers too: libarchive
 * warns that it cannot convert them, and that is all).  What it would read into memory is bounded
 * by counting the bytes that it takes for one header.
 */
#include "image/tar_reader.h"

#include "base/alloc.h"
#include "base/limits.h"

#include <archive.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

struct tar_reader {
	struct archive *archive;
	tar_source_fn *source;
	void *ctx;
	bool in_header; /* what is handed out belongs to a header */
	uint64_t header_bytes;
	bool has_entry; /* whose data may be unread */
	struct err err; /* of the source */
};

static la_ssize_t read_block(struct archive *archive, void *ctx, const void **ret_bytes)
{
	struct tar_reader *reader = ctx;
	struct view bytes = {NULL, 0};
	int result = reader->source(reader->ctx, &bytes, &reader->err);

	reader->header_bytes += reader->in_header ? bytes.len : 0;
	if (result > 0 && reader->header_bytes > LIMIT_TAR_HEADER) {
		err_set_(&reader->err, ERR_LIMIT, "a header is larger than %d bytes",
			 LIMIT_TAR_HEADER);
		result = -1;
	}
	if (result < 0) {
		archive_set_error(archive, EIO, "%s", reader->err.msg);
		return -1;
	}
	*ret_bytes = bytes.ptr;
	return (la_ssize_t)bytes.len;
}

/* A warning is of names that are not ASCII; to try again would be to skip what is corrupt. */
static bool is_failure(int code)
{
	return code != ARCHIVE_OK && code != ARCHIVE_WARN;
}

static int read_error(const struct tar_reader *reader, struct err *err)
{
	const char *text = archive_error_string(reader->archive);

	if (reader->err.code != ERR_NONE) {
		*err = reader->err;
		return -1;
	}
	return err_set(err, ERR_PROTOCOL, "%s", text ? text : "the tar is corrupt or ends early");
}

int tar_reader_open(tar_source_fn *source, void *ctx, struct tar_reader **ret_reader,
		    struct err *err)
{
	AUTO(auto_tar_reader) struct tar_reader *reader = xcalloc(1, sizeof(*reader));

	reader->source = source;
	reader->ctx = ctx;
	reader->in_header = true;
	reader->archive = archive_read_new();
	if (!reader->archive)
		return err_set(err, ERR_INTERNAL, "libarchive does not start");
	if (archive_read_support_format_tar(reader->archive) != ARCHIVE_OK ||
	    archive_read_open(reader->archive, reader, NULL, read_block, NULL) != ARCHIVE_OK)
		return read_error(reader, err);
	*ret_reader = STEAL(reader);
	return 0;
}

void tar_reader_free(struct tar_reader *reader)
{
	if (!reader)
		return;
	archive_read_free(reader->archive);
	free(reader);
}

int tar_reader_next(struct tar_reader *reader, struct archive_entry **ret_entry, struct err *err)
{
	int code;

	if (reader->has_entry && is_failure(archive_read_data_skip(reader->archive)))
		return read_error(reader, err);
	reader->in_header = true;
	reader->header_bytes = 0;
	code = archive_read_next_header(reader->archive, ret_entry);
	reader->in_header = false;
	reader->has_entry = code != ARCHIVE_EOF;
	if (code == ARCHIVE_EOF)
		return 0;
	return is_failure(code) ? read_error(reader, err) : 1;
}

uint64_t tar_reader_header_bytes(const struct tar_reader *reader)
{
	return reader->in_header ? reader->header_bytes : 0;
}

int tar_reader_data(struct tar_reader *reader, struct view *ret_bytes, uint64_t *ret_offset,
		    struct err *err)
{
	const void *bytes = NULL;
	la_int64_t offset = 0;
	size_t len = 0;
	int code = archive_read_data_block(reader->archive, &bytes, &len, &offset);

	if (code == ARCHIVE_EOF)
		return 0;
	if (is_failure(code))
		return read_error(reader, err);
	if (offset < 0)
		return err_set(err, ERR_PROTOCOL, "the map of its holes is wrong");
	*ret_bytes = (struct view){bytes, len};
	*ret_offset = (uint64_t)offset;
	return 1;
}
