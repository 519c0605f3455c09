// SPDX-License-Identifier: MIT
/* Between the requests to a registry (registry.c) and its login (registry_login.c). */
#pragma once

#include "image/registry.h"

#include <pthread.h>

struct registry {
	const struct registry_config *config;
	pthread_mutex_t lock; /* for what follows */
	const char *scheme;   /* "https"; NULL: not known yet */
	char *authorization;  /* value of the header, or NULL */
};

/* Answers the challenges of a 401 that came although `stale` (NULL: nothing) was sent as
 * Authorization.  Another thread may have done so already. */
int registry_login(struct registry *registry, struct http *http, char *const *challenges,
		   const char *stale, struct err *err);

/* The error of a status: "WHAT: HTTP 404: CODE: MESSAGE", the registry's text bounded and quoted.
 * Always -1. */
int registry_refused(const char *what, const struct http_response *response, struct err *err);
