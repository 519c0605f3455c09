// SPDX-License-Identifier: MIT
/* The tar of a layer, as it comes out of the pipe, into an EROFS image. */
#pragma once

#include "base/err.h"
#include "image/block_pipe.h"
#include "image/layer.h"

#include <stdint.h>

struct layer_tar_spec {
	struct block_pipe *pipe; /* the tar; read to its end */
	int fd;			 /* the empty file for the image */
	uint64_t max_size;	 /* of the image where it is larger than the tar: sparse files */
	struct layer_place place;
};

/* Fills diff_id, entries and chained of *ret_result.  An error names the entry. */
int layer_tar_convert(const struct layer_tar_spec *spec, struct layer_result *ret_result,
		      struct err *err);
