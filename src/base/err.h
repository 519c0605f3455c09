// SPDX-License-Identifier: MIT
/*
 * The one error type.  A failing function fills `*err` and returns -1; on success `*err` is
 * untouched.  `err` is never NULL, owns nothing and cannot leak.  The code is chosen for what the
 * caller will do; the text is one line for people: what failed, on what, and why.
 */
#pragma once

#include "base/attr.h"

/* X(CODE, name).  The CLI exits with 1 for every one of them (as the system that we replace does);
 * `--json` and RPC carry the name. */
#define ERR_LIST(X)                                                                           \
	X(INVALID, "invalid")	  /* the caller's input is wrong */                           \
	X(NOT_FOUND, "not_found") /* the named thing does not exist */                        \
	X(CONFLICT, "conflict")	  /* it exists already, or is in use */                       \
	X(DENIED, "denied")	  /* not permitted */                                         \
	X(LIMIT, "limit")	  /* over a named limit */                                    \
	X(TIMEOUT, "timeout")	  /* a deadline passed */                                     \
	X(CANCELLED, "cancelled") /* the user or a peer gave up */                            \
	X(UNAVAILABLE,                                                                        \
	  "unavailable")	/* the host lacks something that can be installed or freed */ \
	X(PROTOCOL, "protocol") /* a peer broke the rules */                                  \
	X(IO, "io")		/* a system call failed */                                    \
	X(INTERNAL, "internal") /* should not happen */

enum err_code {
	ERR_NONE,
#define X(code, name) ERR_##code,
	ERR_LIST(X)
#undef X
		ERR_CODE_COUNT
};

struct err {
	enum err_code code;
	int sys;       /* errno behind it, or 0 */
	char msg[504]; /* cut with "..." when longer */
};

/* A failing function ends in `return err_set(err, ...);`.  Macros, so that the -1 is visible to
 * compilers and analyzers. */
#define err_set(...)  (err_set_(__VA_ARGS__), -1)
#define err_sys(...)  (err_sys_(__VA_ARGS__), -1)  /* "text: strerror" */
#define err_wrap(...) (err_wrap_(__VA_ARGS__), -1) /* "new: old", code kept */

void err_set_(struct err *err, enum err_code code, const char *fmt, ...) ML_PRINTF(3, 4);
void err_sys_(struct err *err, int errnum, const char *fmt, ...) ML_PRINTF(3, 4);
void err_wrap_(struct err *err, const char *fmt, ...) ML_PRINTF(2, 3);

/* The wire name of a code: "not_found". */
const char *err_name(enum err_code code);
