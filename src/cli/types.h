// SPDX-License-Identifier: MIT
/* The kinds of values that flags take: how a text becomes a field, and a field's default a text. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct cli_type {
	const char *expected; /* "a whole number": ends the message of a wrong value */
	bool is_switch;	      /* takes a value only with `=` */
	bool is_list;	      /* a char ** of base/strv.h, to which parse() appends */

	/* Sets the field, whose old value it releases.  The error is the reason alone. */
	int (*parse)(void *field, const char *text, struct err *err);

	/* The field for help, malloc'ed; NULL when it is zero or empty. */
	char *(*format)(const void *field);
};

extern const struct cli_type cli_bool;	   /* bool */
extern const struct cli_type cli_string;   /* char *, owned */
extern const struct cli_type cli_int;	   /* int64_t */
extern const struct cli_type cli_float;	   /* double */
extern const struct cli_type cli_duration; /* int64_t, nanoseconds */
extern const struct cli_type cli_list;	   /* char **: each value is one CSV record */
extern const struct cli_type cli_array;	   /* char **: each value verbatim */
