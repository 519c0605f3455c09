// SPDX-License-Identifier: MIT
/*
 * Errors by value: see err.h.  Texts are cut, never allocated; control characters of hostile
 * origin (a guest's or a registry's text) are replaced, so that an error stays one line.
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const err_names[ERR_CODE_COUNT] = {[ERR_NONE] = "none",
#define X(code, name) [ERR_##code] = (name),
						      ERR_LIST(X)
#undef X
};

static void ML_PRINTF(2, 0) err_format(struct err *err, const char *fmt, va_list args)
{
	int len = vsnprintf(err->msg, sizeof(err->msg), fmt, args);

	if (len >= (int)sizeof(err->msg))
		memcpy(err->msg + sizeof(err->msg) - 4, "...", 4);
	for (char *p = err->msg; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = *p == '\n' ? ' ' : '?';
	}
}

static enum err_code err_code_of_errno(int errnum)
{
	switch (errnum) {
	case ENOENT:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_DENIED;
	case EEXIST:
	case EBUSY:
		return ERR_CONFLICT;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	default:
		return ERR_IO;
	}
}

void err_set_(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list args;

	err->code = code;
	err->sys = 0;
	va_start(args, fmt);
	err_format(err, fmt, args);
	va_end(args);
}

void err_sys_(struct err *err, int errnum, const char *fmt, ...)
{
	char text[sizeof(err->msg)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_set_(err, err_code_of_errno(errnum), "%s: %s", text, strerror(errnum));
	err->sys = errnum;
}

void err_wrap_(struct err *err, const char *fmt, ...)
{
	enum err_code code = err->code;
	int sys = err->sys;
	char old[sizeof(err->msg)], text[sizeof(err->msg)];
	va_list args;

	memcpy(old, err->msg, sizeof(old));
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_set_(err, code, "%s: %s", text, old);
	err->sys = sys;
}

const char *err_name(enum err_code code)
{
	return code < ERR_CODE_COUNT ? err_names[code] : "unknown";
}
