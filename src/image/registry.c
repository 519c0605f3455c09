// SPDX-License-Identifier: MIT
/*
 * Requests to a registry: see registry.h.
 *
 * Happy path: send() makes the URL, adds the Authorization that worked last, and logs in once when
 * the answer is 401 (a token that has run out in the middle of a blob too: the request goes on
 * where its sink stands).  Where plain HTTP is allowed, the first request finds out whether the
 * registry speaks it, without credentials.
 *
 * Failure modes: those of http.h, and statuses as registry_refused() tells them.
 */
#include "image/registry.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "image/registry_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Ours to take, the common ones first. */
#define MANIFEST_TYPES                                                \
	"application/vnd.oci.image.index.v1+json, "                   \
	"application/vnd.oci.image.manifest.v1+json, "                \
	"application/vnd.docker.distribution.manifest.list.v2+json, " \
	"application/vnd.docker.distribution.manifest.v2+json"

struct registry *registry_new(const struct registry_config *config)
{
	struct registry *registry = xcalloc(1, sizeof(*registry));

	registry->config = config;
	registry->scheme = config->plain_http ? NULL : "https";
	pthread_mutex_init(&registry->lock, NULL);
	return registry;
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	pthread_mutex_destroy(&registry->lock);
	free(registry->authorization);
	free(registry);
}

/* HTTPS servers answer plain HTTP with 400 or not at all. */
static bool speaks_http(struct registry *registry, struct http *http)
{
	AUTO(http_response_done) struct http_response response = {.body = BUF_INIT(0)};
	AUTO_FREE char *url = xasprintf("http://%s/v2/", registry->config->host);
	struct http_request request = {.url = url, .max_size = LIMIT_MANIFEST, .tries = 1};
	struct err err;

	return http_send(http, &request, &response, &err) == 0 && response.status != 400;
}

/* The scheme and the Authorization, malloc'ed or NULL, of the next request. */
static const char *get_state(struct registry *registry, struct http *http, char **ret_authorization)
{
	const char *scheme;

	pthread_mutex_lock(&registry->lock);
	if (!registry->scheme)
		registry->scheme = speaks_http(registry, http) ? "http" : "https";
	scheme = registry->scheme;
	*ret_authorization = registry->authorization ? xstrdup(registry->authorization) : NULL;
	pthread_mutex_unlock(&registry->lock);
	return scheme;
}

/* Sends `request` for /v2/REPOSITORY/KIND/REF.  Success is 200 or 206. */
static int send(struct registry *registry, struct http *http, const char *kind, const char *ref,
		struct http_request *request, struct http_response *response, struct err *err)
{
	const struct registry_config *config = registry->config;
	AUTO_FREE char *what =
		xasprintf("%s: %s/%s/%s", config->host, config->repository, kind, ref);

	for (int round = 0;; round++) {
		uint64_t before = request->at;
		AUTO_FREE char *authorization = NULL;
		const char *scheme = get_state(registry, http, &authorization);
		AUTO_FREE char *url = xasprintf("%s://%s/v2/%s/%s/%s", scheme, config->host,
						config->repository, kind, ref);

		request->url = url;
		request->authorization = authorization;
		if (http_send(http, request, response, err) < 0)
			return -1;
		if (response->status == 200 || response->status == 206)
			return 0;
		if (response->status != 401 || (round > 0 && request->at == before))
			return registry_refused(what, response, err);
		if (registry_login(registry, http, response->challenges, authorization, err) < 0)
			return -1;
	}
}

static int check_digest(const char *host, const char *want, const char *got, struct err *err)
{
	if (strcmp(want, got) == 0)
		return 0;
	return err_set(err, ERR_PROTOCOL, "%s: sends other bytes for %s: they have digest %s", host,
		       want, got);
}

int registry_manifest(struct registry *registry, struct http *http, const char *ref,
		      struct buf *ret_bytes, char ret_digest[DIGEST_TEXT_SIZE], struct err *err)
{
	AUTO(http_response_done) struct http_response response = {.body = BUF_INIT(0)};
	struct http_request request = {.accept = MANIFEST_TYPES, .max_size = LIMIT_MANIFEST};

	if (send(registry, http, "manifests", ref, &request, &response, err) < 0)
		return -1;
	digest_of(response.body.ptr, response.body.len, ret_digest);
	if (strchr(ref, ':') && check_digest(registry->config->host, ref, ret_digest, err) < 0)
		return -1;
	buf_done(ret_bytes);
	*ret_bytes = response.body;
	response.body = (struct buf)BUF_INIT(0);
	return 0;
}

int registry_blob(struct registry *registry, struct http *http, const char *digest, uint64_t size,
		  http_sink *sink, void *ctx, struct err *err)
{
	AUTO(http_response_done) struct http_response response = {.body = BUF_INIT(0)};
	struct http_request request = {.sink = sink, .ctx = ctx, .size = size};

	if (size == 0)
		return err_set(err, ERR_PROTOCOL, "%s: blob %s of no size", registry->config->host,
			       digest);
	return send(registry, http, "blobs", digest, &request, &response, err);
}

static int put_in_buf(void *ctx, const void *bytes, size_t len, struct err *err)
{
	buf_put(ctx, bytes, len);
	return buf_check(ctx, "the document", err);
}

int registry_document(struct registry *registry, struct http *http, const char *digest,
		      uint64_t size, struct buf *ret_bytes, struct err *err)
{
	char got[DIGEST_TEXT_SIZE];

	if (size > LIMIT_CONFIG_FILE)
		return err_set(err, ERR_LIMIT, "%s: document %s has %" PRIu64 " bytes, over %d",
			       registry->config->host, digest, size, LIMIT_CONFIG_FILE);
	buf_done(ret_bytes);
	*ret_bytes = (struct buf)BUF_INIT((size_t)size);
	if (registry_blob(registry, http, digest, size, put_in_buf, ret_bytes, err) < 0)
		return -1;
	digest_of(ret_bytes->ptr, ret_bytes->len, got);
	return check_digest(registry->config->host, digest, got, err);
}
