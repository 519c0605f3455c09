// SPDX-License-Identifier: MIT
/*
 * A unit test program: CHECK() what must hold, group by TEST(), end with `return tap_done();`.
 * Prints TAP; one line a check that fails says file, line and expression.
 *
 *	int main(void)
 *	{
 *		TEST("a buf refuses more than its maximum");
 *		CHECK(buf_check(&buf, "text", &err) < 0);
 *		CHECK_STR(err.msg, "text is larger than 4 bytes");
 *		return tap_done();
 *	}
 */
#pragma once

#include <stdio.h>
#include <string.h>

static int tap_count_, tap_failed_, tap_open_, tap_bad_;
static const char *tap_name_;

static inline void tap_close_(void)
{
	if (!tap_open_)
		return;
	printf("%sok %d - %s\n", tap_bad_ ? "not " : "", ++tap_count_, tap_name_);
	fflush(stdout);
	tap_failed_ += tap_bad_ != 0;
	tap_open_ = 0;
}

static inline void tap_begin_(const char *name)
{
	tap_close_();
	tap_name_ = name;
	tap_open_ = 1;
	tap_bad_ = 0;
}

static inline void tap_fail_(const char *file, int line, const char *what)
{
	printf("# %s:%d: %s\n", file, line, what);
	tap_bad_++;
}

static inline void tap_str_(const char *file, int line, const char *got, const char *want)
{
	if (got && want && strcmp(got, want) == 0)
		return;
	printf("# %s:%d: got  '%s'\n# %s:%d: want '%s'\n", file, line, got ? got : "(null)", file,
	       line, want ? want : "(null)");
	tap_bad_++;
}

#define TEST(name) tap_begin_(name)
#define CHECK(expr)                                           \
	do {                                                  \
		if (!(expr))                                  \
			tap_fail_(__FILE__, __LINE__, #expr); \
	} while (0)
#define CHECK_STR(got, want) tap_str_(__FILE__, __LINE__, (got), (want))

/* Ends the current test as skipped: for what the machine lacks, never for what fails. */
#define SKIP(reason)                                                                 \
	do {                                                                         \
		printf("ok %d - %s # SKIP %s\n", ++tap_count_, tap_name_, (reason)); \
		tap_open_ = 0;                                                       \
	} while (0)

static inline int tap_done(void)
{
	tap_close_();
	printf("1..%d\n", tap_count_);
	return tap_failed_ != 0;
}
