// SPDX-License-Identifier: MIT
/* `image check`: are the blobs what they were when they were saved? */
#pragma once

#include "base/err.h"

#include <stddef.h>

struct store;

enum blob_state { BLOB_OK, BLOB_DAMAGED, BLOB_MISSING };

struct blob_report {
	char *digest;	       /* names the blob */
	enum blob_state state; /* missing: images name it, but it is gone */
	char **tags;	       /* of the images that were removed for it, local and registry's */
};

struct check_report {
	struct blob_report *blobs;
	size_t count, bad;
};
void check_report_done(struct check_report *report);

/* Reads every blob that an image names.  One that is damaged is removed, and the images that need
 * it or a missing one are forgotten, so that the next pull brings them anew; a VM that runs on it
 * keeps it.  A blob of which no sum was recorded (by the system that we replace) must be an EROFS
 * image of its whole length; its sum is recorded. */
int store_check(struct store *store, struct check_report *ret_report, struct err *err);
