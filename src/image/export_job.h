// SPDX-License-Identifier: MIT
/* `image-worker export`: the worker's side of image/worker_export.h. */
#pragma once

/* Does the job that comes over the socket; the exit status of the process. */
int export_job(void);
