// SPDX-License-Identifier: MIT
/*
 * Allocation of small sizes that we chose ourselves: these abort when memory is out, since one
 * process serves one sandbox and its state is kept by transactions.  A size that comes from a
 * guest, a network or a file goes through a bounded `struct buf` instead.
 */
#pragma once

#include "base/attr.h"

#include <stddef.h>

void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xreallocarray(void *ptr, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *text, size_t len) __attribute__((malloc, returns_nonnull));
void *xmemdup(const void *bytes, size_t len) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) ML_PRINTF(1, 2) __attribute__((malloc, returns_nonnull));
