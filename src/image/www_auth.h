// SPDX-License-Identifier: MIT
/* A WWW-Authenticate header's value (RFC 9110 11.6.1), as far as registries use it: the challenges
 * Bearer and Basic.  The value comes from a stranger. */
#pragma once

#include "base/err.h"

enum www_auth_scheme { WWW_AUTH_NONE, WWW_AUTH_BASIC, WWW_AUTH_BEARER };

struct www_auth {
	enum www_auth_scheme scheme;   /* NONE: only schemes that we do not know */
	char *realm, *service, *scope; /* NULL: not said */
};

/* The best challenge of the value, Bearer before Basic.  ERR_PROTOCOL when it breaks the grammar,
 * or a Bearer challenge has no realm. */
int www_auth_parse(const char *value, struct www_auth *ret_auth, struct err *err);
void www_auth_done(struct www_auth *auth);
