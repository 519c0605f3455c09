// SPDX-License-Identifier: MIT
/*
 * The memory that a zstd frame takes: it says at its start how much of its output must be held (its
 * window, RFC 8878 section 3.1.1).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	ZSTD_WINDOW_BITS = 25, /* at most, 32 MiB: what encoders use without --long or --ultra */
	ZSTD_HEAD_MAX = 18,    /* bytes of a frame's header */
};

/* Of the header that starts with these `len` bytes: how long it is, or how many bytes are needed to
 * tell.  No frame is shorter.  What is no zstd frame (a skippable one, rubbish) has a header of 5
 * bytes and no window. */
size_t zstd_header_size(const unsigned char *head, size_t len);
/* The window of the frame with this header; 0 when that is cut off. */
uint64_t zstd_header_window(const unsigned char *head, size_t len);
