// SPDX-License-Identifier: MIT
/* Compiler attributes by short names. */
#pragma once

#define ML_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ML_MUST_CHECK	     __attribute__((warn_unused_result))
#define ML_UNUSED	     __attribute__((unused))
#define ML_NORETURN	     __attribute__((noreturn))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n)	      (1u << (n))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

/* The struct of type `type` whose member `member` is at `ptr`. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
