// SPDX-License-Identifier: MIT
/*
 * A tar archive of an image, read member by member in any order, in the image worker.  A pipe or a
 * compressed file is first copied, uncompressed, into a file without a name in the store.
 */
#pragma once

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "image/blobs.h"
#include "image/http.h"

#include <stdint.h>

struct archive_file;

/* `fd` stays the caller's.  ERR_LIMIT when it has more than `max_size` bytes, uncompressed. */
int archive_file_open(int fd, uint64_t max_size, struct blobs *blobs,
		      struct archive_file **ret_file, struct err *err);
void archive_file_free(struct archive_file *file);
DEFINE_AUTO(archive_file)

/* Streams the member `name` into `sink`, after its size has been put into *ret_size (NULL: not
 * wanted).  A link to another member is followed.  ERR_NOT_FOUND. */
int archive_file_read(struct archive_file *file, const char *name, uint64_t *ret_size,
		      http_sink *sink, void *ctx, struct err *err);

/* A small member whole. */
int archive_file_document(struct archive_file *file, const char *name, struct buf *ret_bytes,
			  struct err *err);
