// SPDX-License-Identifier: MIT
/* Names of a layer's entries: cleaned, and what those with `.wh.` mean (OCI image-spec, layer.md).
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

enum layer_path_kind {
	LAYER_PATH_ENTRY,    /* an entry of that path */
	LAYER_PATH_WHITEOUT, /* hides the path of the layers below */
	LAYER_PATH_OPAQUE,   /* hides what they have in the directory */
	LAYER_PATH_IGNORED,  /* AUFS's own files, no part of the image */
};

/* Without leading `/` and `./`, empty and `.` components and a trailing `/`; the root is ".".
 * ERR_INVALID for a `..`, ERR_LIMIT for a name or path that is too long. */
int layer_path_clean(const char *raw, struct buf *ret_path, struct err *err);

/* What a clean path says; of a whiteout or an opaque directory what it says it of is left in the
 * buf.  ERR_INVALID for a whiteout of no name. */
int layer_path_kind(struct buf *path, enum layer_path_kind *ret_kind, struct err *err);
