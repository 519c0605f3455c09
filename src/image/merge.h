// SPDX-License-Identifier: MIT
/*
 * Layers made one.  Everything is read from and written as EROFS images, in one pass and in bounded
 * memory; nothing is unpacked.
 */
#pragma once

#include "base/err.h"
#include "crypto/digest.h"

#include <stddef.h>
#include <stdint.h>

/* Writes what overlayfs would show of the layers (base first) as one image into the empty file
 * `out_fd`: without whiteouts and opaque directories, so that the base of the stack must be among
 * them.  Data is copied once, holes stay holes, hard links hold within their layer.
 * ERR_PROTOCOL: a layer is damaged; ERR_LIMIT: the result has more than LIMIT_EROFS_ENTRIES. */
int merge_layers(const int *fds, size_t count, int out_fd, int64_t build_time, struct err *err);

/* The name of merged layers: the SHA-256 of "matchlock-squash-v1\n" and each diff id with "\n",
 * base first. */
void merge_digest(const char *const *diff_ids, size_t count, char ret_text[DIGEST_TEXT_SIZE]);
