// SPDX-License-Identifier: MIT
/*
 * Layers that are more than a VM has disks for: their lowest are merged into one blob beside them,
 * once.  Its name is that of the reference's squash rule over the diff ids (merge_digest()); the
 * store does not know it, so that gc removes it unless a VM runs on it.
 */
#pragma once

#include "base/err.h"

#include <stddef.h>

/* Opens the blob that holds the first `count` of the layers (paths DIR/sha256_HEX.erofs, base
 * first), for reading and with a shared lock, which keeps gc away.  Makes it first if it is not
 * there; whoever else wants it meanwhile waits.  Closing *ret_fd is the unlock.
 *
 * ERR_INVALID: a layer of another name; ERR_UNAVAILABLE: no space; those of merge_layers(). */
int merged_open(char *const *layers, size_t count, int *ret_fd, struct err *err);
