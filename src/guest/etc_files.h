// SPDX-License-Identifier: MIT
/* The files below /etc that are the VM's and not the image's. */
#pragma once

#include "base/err.h"

struct agent_setup;

/* hostname, hosts, resolv.conf: replaced, whatever is there (a link is not followed).  machine-id:
 * written only where the image leaves it open, by a missing file, an empty one or systemd's
 * "uninitialized"; an image's own id is kept, as Docker does.  An image without /etc gets one.
 * Called in the container. */
int etc_files_write(const struct agent_setup *setup, struct err *err);
