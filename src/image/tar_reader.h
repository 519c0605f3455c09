// SPDX-License-Identifier: MIT
/*
 * A tar as it comes from elsewhere, entry by entry: libarchive, kept to tar and to bounded memory.
 * Names are the tar's own bytes.  Errors say what is wrong, not with which entry: that is the
 * caller's to add.
 */
#pragma once

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"

#include <archive_entry.h>
#include <stdint.h>

struct tar_reader;

/* The next bytes of the tar, borrowed until the next call: 1, 0 at the end, -1.  All but the last
 * are a multiple of 512, so that no header lies in two. */
typedef int tar_source_fn(void *ctx, struct view *ret_bytes, struct err *err);

int tar_reader_open(tar_source_fn *source, void *ctx, struct tar_reader **ret_reader,
		    struct err *err);
void tar_reader_free(struct tar_reader *reader);
DEFINE_AUTO(tar_reader)

/* 1 with the next entry, borrowed until the next call; 0 at the end.  What of the last entry's data
 * was not read is passed over.  ERR_LIMIT: what stands before an entry's data (names, attributes,
 * the map of its holes) has more than LIMIT_TAR_HEADER bytes. */
int tar_reader_next(struct tar_reader *reader, struct archive_entry **ret_entry, struct err *err);

/* For the source: how many bytes it has given for the header that is being read, 0 if none is. */
uint64_t tar_reader_header_bytes(const struct tar_reader *reader);

/* The next bytes of the entry's data and where in the file they stand: 1; 0 at the end. */
int tar_reader_data(struct tar_reader *reader, struct view *ret_bytes, uint64_t *ret_offset,
		    struct err *err);
