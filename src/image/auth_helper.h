// SPDX-License-Identifier: MIT
/* Credential helpers: programs docker-credential-NAME that keep the user's secrets elsewhere. */
#pragma once

#include "image/auth.h"

/* Asks the helper `name` for `server` ("ghcr.io", "https://index.docker.io/v1/").  One that knows
 * nothing of it is success and leaves *ret_credentials as it is.  ERR_NOT_FOUND: the helper is not
 * installed; ERR_TIMEOUT: it took more than 30 seconds. */
int auth_helper_get(const char *name, const char *server, struct credentials *ret_credentials,
		    struct err *err);
