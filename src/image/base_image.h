// SPDX-License-Identifier: MIT
/*
 * `matchlock/base` (or `matchlock/base:latest`): the image that comes with the program.  It lies
 * beside it as two read-only artefacts (base/path.h), made by tools/base-image:
 *
 *	base.erofs  its one layer
 *	base.json   {
 *	              "digest":  "sha256:HEX",   what `image ls` and `image_layers` readers see
 *	              "diff_id": "sha256:HEX",   names the blob: blobs/sha256_HEX.erofs
 *	              "config":  {"user": "", "working_dir": "/", "entrypoint": [...],
 *	                          "cmd": ["/bin/sh"], "env": {"PATH": "..."}}
 *	            }
 *
 * HEX is 64 lowercase hex digits.  `diff_id` is the SHA-256 of the bytes of base.erofs (it was
 * never a tar).  `digest` stands for the whole: the SHA-256 of the text DIFF_ID "\n" CONFIG "\n",
 * CONFIG being the config member as compact JSON with sorted keys; here it is opaque, but it must
 * change whenever layer or config do, since a change is what makes the image be registered anew.
 * Every member of config may be missing (api/image_config.h).
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct store;

/* True for the references that mean the base image. */
bool base_image_is(const char *ref);

/* Where the two artefacts are. */
struct base_artefact {
	const char *erofs_path, *json_path;
};

/* Makes the store hold what the artefact holds, under the tag `ref`: does nothing when the row has
 * the artefact's digest and the blob has its bytes.  Many processes may do so at once. */
int base_image_ensure(struct store *store, const char *ref, const struct base_artefact *artefact,
		      struct err *err);
