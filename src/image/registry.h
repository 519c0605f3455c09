// SPDX-License-Identifier: MIT
/*
 * A repository of a registry, by the OCI distribution specification 1.1 (and what Docker's registry
 * did before it): manifests and blobs, after whatever login the registry asks for.  One struct
 * registry serves many threads; each brings its own struct http.
 */
#pragma once

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "crypto/digest.h"
#include "image/http.h"

#include <stdbool.h>
#include <stdint.h>

/* All borrowed for the life of the struct registry. */
struct registry_config {
	const char *host;	    /* "HOST[:PORT]" */
	const char *repository;	    /* "library/alpine" */
	const char *username;	    /* NULL: none */
	const char *password;	    /* NULL: none */
	const char *identity_token; /* an OAuth2 refresh token instead of both, or NULL */
	bool plain_http;	    /* allowed, where the registry does not speak HTTPS */
};

struct registry;
struct registry *registry_new(const struct registry_config *config);
void registry_free(struct registry *registry);
DEFINE_AUTO(registry)

/* The manifest or index of a tag or digest, at most LIMIT_MANIFEST bytes, and its digest (checked
 * when it was asked for by digest).  ERR_NOT_FOUND, ERR_DENIED and ERR_UNAVAILABLE name the host,
 * the status and what the registry says. */
int registry_manifest(struct registry *registry, struct http *http, const char *ref,
		      struct buf *ret_bytes, char ret_digest[DIGEST_TEXT_SIZE], struct err *err);

/* Streams the blob of `size` bytes into `sink`, each byte once.  Whether the bytes have the digest
 * is for the sink's owner to check. */
int registry_blob(struct registry *registry, struct http *http, const char *digest, uint64_t size,
		  http_sink *sink, void *ctx, struct err *err);

/* A small blob whole, digest and size checked. */
int registry_document(struct registry *registry, struct http *http, const char *digest,
		      uint64_t size, struct buf *ret_bytes, struct err *err);
