// SPDX-License-Identifier: MIT
/*
 * The memory of zstd streams that run at once.  A frame says at its start how much of its output
 * must be held (its window, RFC 8878 section 3.1.1); together the streams hold no more than
 * ZSTD_WINDOWS_MAX, and one that needs more than is left waits until others end.
 */
#pragma once

#include "base/auto.h"

#include <stddef.h>
#include <stdint.h>

enum {
	ZSTD_WINDOW_BITS =
		25, /* of one stream, 32 MiB: what encoders use without --long or --ultra */
	ZSTD_WINDOWS_MAX = 1 << ZSTD_WINDOW_BITS, /* of all: so that the largest fits */
	ZSTD_HEAD_MAX = 18,			  /* bytes of a frame's header */
};

/* Of the header that starts with these `len` bytes: how long it is, or how many bytes are needed to
 * tell.  No frame is shorter.  What is no zstd frame (a skippable one, rubbish) has a header of 5
 * bytes and no window. */
size_t zstd_header_size(const unsigned char *head, size_t len);
/* The window of the frame with this header; 0 when that is cut off. */
uint64_t zstd_header_window(const unsigned char *head, size_t len);

struct zstd_windows;

struct zstd_windows *zstd_windows_new(void);
void zstd_windows_free(struct zstd_windows *windows);
DEFINE_AUTO(zstd_windows)

/* Waits until `size` (at most ZSTD_WINDOWS_MAX) is left.  Whoever waits must hold nothing. */
void zstd_windows_take(struct zstd_windows *windows, size_t size);
void zstd_windows_give(struct zstd_windows *windows, size_t size);
