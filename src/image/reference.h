// SPDX-License-Identifier: MIT
/*
 * An image reference as users type it, by Docker's rules: "alpine", "alpine:3.20",
 * "localhost:5000/team/app@sha256:...".  (reference: guest-images-lifecycle.md 4.4)
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct reference {
	char *registry;	  /* "index.docker.io" for Docker Hub, else "host" or "host:port" */
	char *repository; /* "library/alpine" */
	char *tag;    /* "latest" when neither tag nor digest was given; NULL with a digest only */
	char *digest; /* "sha256:..." or NULL */
};

/* ERR_INVALID `parse image reference: ...` names what is wrong with which part. */
int reference_parse(const char *text, struct reference *ret_reference, struct err *err);
void reference_done(struct reference *reference);

/* True when plain HTTP is right without being configured: the registry is on a loopback address or
 * name (localhost, *.localhost, 127.0.0.0/8, [::1]). */
bool reference_is_loopback(const struct reference *reference);

/* True for "host" or "host:port", as a reference may start with. */
bool reference_is_registry(const char *text);

/* The name of that registry in `struct reference`: "index.docker.io" for "docker.io", else `text`
 * itself, borrowed. */
const char *reference_registry_name(const char *text);
