// SPDX-License-Identifier: MIT
/* A pull, in the image worker: from a reference to blobs in the store's folder. */
#pragma once

#include "base/err.h"
#include "image/worker.h"
#include "image/worker_protocol.h"

struct blobs;

/* Called by several threads, one at a time.  -1 ends the pull. */
typedef int pull_report(void *ctx, const struct pull_progress *progress, struct err *err);

struct pull_sink {
	struct blobs *blobs;
	pull_report *report;
	void *ctx;
};

/* Brings every layer that is not there.  The first error of any thread is the pull's. */
int pull_run(const struct worker_job *job, const struct pull_sink *sink, struct pulled *ret_pulled,
	     struct err *err);
