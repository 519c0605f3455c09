// SPDX-License-Identifier: MIT
/*
 * The user's credentials for a registry, found where docker and podman keep them.  In the user's
 * own process only: the image worker never sees these files and gets what it needs over its socket.
 *
 * Places, in this order; the first that knows the registry wins, one that does not exist is
 * skipped:
 *	$DOCKER_CONFIG/config.json, or ~/.docker/config.json
 *	$REGISTRY_AUTH_FILE
 *	$XDG_RUNTIME_DIR/containers/auth.json
 * In each: `credHelpers`, `credsStore` (the program docker-credential-NAME is run), `auths`.  A key
 * is "host[:port]", "https://host/v1/", or as podman has it "host/path", where the longest path
 * that leads to the repository wins.
 */
#pragma once

#include "base/err.h"

/* All three NULL: anonymous.  An identity token comes alone. */
struct credentials {
	char *username, *password;
	char *identity_token; /* an OAuth 2 refresh token, for the registry's token service */
};

/* Those for `repository` at `registry` (both in the sense of image/reference.h).  Finding none is
 * success.  A file that is not as it should be, or a helper that fails, is an error which names the
 * file or the helper, and never shows a secret; a helper has 30 seconds (ERR_TIMEOUT). */
int auth_find(const char *registry, const char *repository, struct credentials *ret_credentials,
	      struct err *err);

/* Wipes and frees them; all NULL then. */
void credentials_done(struct credentials *credentials);
