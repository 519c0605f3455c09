// SPDX-License-Identifier: MIT
/* The image as a growing file: appended in large writes, never more than LIMIT_EROFS_IMAGE. */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct erofs_out {
	int fd; /* borrowed */
	char *buf;
	size_t used;
	uint64_t base; /* where the first byte of `buf` goes; a multiple of the block */
};

/* Starts behind block 0. */
void erofs_out_init(struct erofs_out *out, int fd);
void erofs_out_done(struct erofs_out *out);

int erofs_out_put(struct erofs_out *out, const void *bytes, size_t len, struct err *err);
int erofs_out_zero(struct erofs_out *out, uint64_t len, struct err *err);
/* Zeros up to the next block. */
int erofs_out_align(struct erofs_out *out, struct err *err);
/* The number of the block that comes next; the output must be aligned. */
uint32_t erofs_out_block(const struct erofs_out *out);
/* Hands everything to the kernel; the output must be aligned. */
int erofs_out_flush(struct erofs_out *out, struct err *err);
/* Overwrites what was flushed before. */
int erofs_out_patch(struct erofs_out *out, uint64_t offset, const void *bytes, size_t len,
		    struct err *err);
