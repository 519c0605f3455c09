// SPDX-License-Identifier: MIT
/* An import, in the image worker: from an archive to blobs in the store's folder. */
#pragma once

#include "base/err.h"
#include "image/pull.h"

/* An OCI layout (index.json) or what `docker save` writes (manifest.json), compressed or not, with
 * one image for the job's platform.  `fd` may be a pipe. */
int import_run(const struct worker_job *job, int fd, const struct pull_sink *sink,
	       struct pulled *ret_pulled, struct err *err);
