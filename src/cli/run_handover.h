// SPDX-License-Identifier: MIT
/*
 * What `run -d` hands to the process that becomes the sandbox's supervisor: the resolved options
 * and the image, as bytes.  Only what cli/supervisor.h reads of the options is in it.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "cli/run_options.h"

enum { RUN_HANDOVER_BYTES = 16 * 1024 * 1024 }; /* environment, command and image several times */

struct run_handover {
	struct run_options options;
	char **layers; /* of the image, base first */
	struct image_config image_config;
};

void run_handover_pack(struct buf *buf, const struct run_options *options, char *const *layers,
		       const struct image_config *image_config);
int run_handover_unpack(struct view bytes, struct run_handover *ret_handover, struct err *err);
void run_handover_done(struct run_handover *handover);
