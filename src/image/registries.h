// SPDX-License-Identifier: MIT
/*
 * What the user says about registries: `registries.json` in the state directory ($MATCHLOCK_HOME,
 * or ~/.matchlock).  No file means no settings.  The format, of which every member may be missing
 * and no other is allowed:
 *
 *	{
 *	  "registries": {
 *	    "registry.example:5000": {"plain_http": true, "ports": [5001]},
	    "corp.example": {"ca": "/etc/corp/ca.pem"},
 *	    "docker.io": {"mirrors": ["https://mirror.example/hub", "http://10.0.0.5:5000"]}
 *	  }
 *	}
 *
 * A key is "host" or "host:port"; Docker Hub is "docker.io" (or "index.docker.io").
 * `plain_http`: this registry is asked by http:// instead of https://.
 * `mirrors`: asked first, in this order, before the registry itself; repository "a/b" is then
 * BASE/v2/PATH/a/b/... for a mirror BASE[/PATH].
 * `ports`: TCP ports to which this registry (or a mirror of it) may send us, for a token or by a
 * redirect.  Besides its own, those of its mirrors and of the proxy, 80 and 443, the image worker
 * can connect to none.
 * `ca`: a file of certificates (PEM), by its absolute path, trusted besides the system's for this
 * registry; instead of the one that SSL_CERT_FILE names.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct registry_settings {
	char *registry; /* "index.docker.io" for Docker Hub */
	bool plain_http;
	char **mirrors; /* NULL-ended or NULL: "https://mirror.example/hub", no slash at the end */
	uint16_t *ports;
	size_t port_count;
	char *ca; /* or NULL */
};

struct registries {
	size_t count;
	struct registry_settings *items;
};

/* Reads the file.  ERR_INVALID names the file and the member. */
int registries_load(struct registries *ret_registries, struct err *err);
void registries_done(struct registries *registries);

/* The settings of `registry` (in the sense of image/reference.h), borrowed, or NULL. */
const struct registry_settings *registries_find(const struct registries *registries,
						const char *registry);
