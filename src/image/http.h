// SPDX-License-Identifier: MIT
/*
 * HTTP requests of the image worker, over libcurl: redirects, retries and the resumption of a body
 * that was cut.  A `struct http` keeps its connections and belongs to one thread.
 */
#pragma once

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All borrowed for the life of the struct http; NULL: none. */
struct http_config {
	const char *http_proxy, *https_proxy, *no_proxy;
	const char *ca_file; /* NULL: the system's */
	unsigned connect_ms; /* for a connection, TLS included */
	unsigned stall_ms;   /* a transfer without any byte for so long is cut; whole seconds */
	unsigned backoff_ms; /* before the second try; three times as long before the third */
};

struct http;
struct http *http_new(const struct http_config *config);
void http_free(struct http *http);
DEFINE_AUTO(http)

/* A part of a body. */
typedef int http_sink(void *ctx, const void *bytes, size_t len, struct err *err);

struct http_request {
	const char *url;
	const char *accept;	   /* value of Accept, or NULL */
	const char *authorization; /* value of Authorization, or NULL; never sent to another host */
	const char *form;	   /* a POST of this form; NULL: GET */
	unsigned tries;		   /* 0: the usual three */

	/* Where the body of a success goes; without a sink it is in the response.  `size` is what
	 * it must have: a shorter one counts as cut, a longer one is ERR_PROTOCOL; with size 0 and
	 * no sink it may have `max_size`.  `at` counts what the sink has had, and a request that
	 * starts with some `at` continues there. */
	http_sink *sink;
	void *ctx;
	uint64_t size, at;
	size_t max_size;
};

struct http_response {
	long status;
	char **challenges; /* values of WWW-Authenticate */
	char *content_type;
	struct buf body; /* of a success without sink; of a failure the start */
};

/* Sends the request until there is an answer, 200 and 206 or any other that no retry would mend.
 * *response is emptied first.  An error, one line, names the URL's host.  ERR_UNAVAILABLE: no
 * connection, or it broke too often. */
int http_send(struct http *http, struct http_request *request, struct http_response *response,
	      struct err *err);
void http_response_done(struct http_response *response);

/* "HOST[:PORT]" of a URL, malloc'ed; "?" when it is none. */
char *http_url_host(const char *url);

/* `text` percent-encoded for a query or a form, malloc'ed. */
char *http_escape(const char *text);
