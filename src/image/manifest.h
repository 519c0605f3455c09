// SPDX-License-Identifier: MIT
/*
 * The JSON documents of a registry, read strictly and bounded (OCI image-spec 1.1: image-index.md,
 * manifest.md, config.md; Docker image manifest v2, schema 2).  Pure: bytes in, structs out.
 */
#pragma once

#include "api/image_config.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct descriptor {
	char *media_type;
	char *digest; /* checked: digest_is_valid() */
	uint64_t size;
};

struct platform {
	char *os, *architecture, *variant; /* "linux", "amd64", "" */
};

struct manifest {
	bool is_index;
	struct descriptor config; /* of a manifest */
	size_t count;
	struct descriptor *items;   /* layers base first, or the manifests of an index */
	struct platform *platforms; /* of an index, one for each item */
};

/* A manifest or an index.  Schema 1 and what has no layers at all is ERR_INVALID with its name. */
int manifest_parse(struct view bytes, struct manifest *ret_manifest, struct err *err);
void manifest_done(struct manifest *manifest);

/* The item of an index for `platform` (an empty variant takes any), which may not say what it is
 * for: then the image's config does.  ERR_NOT_FOUND lists what there is. */
int manifest_choose(const struct manifest *index, const struct platform *platform,
		    const struct descriptor **ret_item, struct err *err);

/* That an image whose config says it is for `is` runs where `wanted` is wanted; an architecture
 * that is not said fits.  ERR_NOT_FOUND names both and the remedy. */
int platform_check(const struct platform *is, const struct platform *wanted, struct err *err);

/* "linux/amd64", "linux/arm64/v8"; NULL: this host's.  */
int platform_parse(const char *text, struct platform *ret_platform, struct err *err);
void platform_done(struct platform *platform);

enum layer_compression { LAYER_PLAIN, LAYER_GZIP, LAYER_ZSTD };
/* By media type (OCI and Docker, also nondistributable ones).  ERR_INVALID: not a tar layer. */
int layer_media_type(const char *media_type, enum layer_compression *ret_compression,
		     struct err *err);

/* The image's config blob: how to run it, and the diff ids of its layers (NULL-ended list, checked
 * digests, as many as there are layers).  It must be for linux; `wanted`, where it is not NULL, is
 * for platform_check(). */
int config_parse(struct view bytes, const struct platform *wanted, struct image_config *ret_config,
		 char ***ret_diff_ids, struct err *err);
