// SPDX-License-Identifier: MIT
/*
 * Layers made one, and hard links that lead from one layer into those below it.  Everything is read
 * from and written as EROFS images, in one pass and in bounded memory; nothing is unpacked.
 */
#pragma once

#include "base/err.h"
#include "crypto/digest.h"

#include <stddef.h>
#include <stdint.h>

/* Writes what overlayfs would show of the layers (base first) as one image into the empty file
 * `out_fd`: without whiteouts and opaque directories, so that the base of the stack must be among
 * them.  Data is copied once, holes stay holes, hard links hold within their layer.
 * ERR_PROTOCOL: a layer is damaged; ERR_LIMIT: the result has more than LIMIT_EROFS_ENTRIES. */
int merge_layers(const int *fds, size_t count, int out_fd, int64_t build_time, struct err *err);

/* The name of merged layers: the SHA-256 of "matchlock-squash-v1\n" and each diff id with "\n",
 * base first. */
void merge_digest(const char *const *diff_ids, size_t count, char ret_text[DIGEST_TEXT_SIZE]);

/* A hard link of a layer to a path that the layer itself does not have. */
struct merge_link {
	const char *path, *link;
};

struct merge_links_spec {
	int layer_fd;	      /* the layer, as it was converted without those links */
	const int *lower_fds; /* the layers below it, base first */
	size_t lower_count;
	const struct merge_link *links; /* in the order of the archive */
	size_t link_count;
	int out_fd; /* an empty file for the layer with them */
	int64_t build_time;
};

/* Writes the layer anew with a copy of what each link leads to: content, owner, mode, times and
 * attributes.  Links to one lower file are hard links of each other; directories on the way that
 * the layer lacks are as in the layers below.  What the layer itself has at a link's path wins.
 * ERR_NOT_FOUND names a link that leads nowhere, ERR_INVALID one that leads to a directory. */
int merge_links(const struct merge_links_spec *spec, struct err *err);
