// SPDX-License-Identifier: MIT
/* The files below /etc that are the VM's and not the image's. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct agent_setup;

/* hostname, hosts, resolv.conf: replaced, whatever is there (a link is not followed).  machine-id:
 * written only where the image leaves it open, by a missing file, an empty one or systemd's
 * "uninitialized"; an image's own id is kept, as Docker does; *ret_own_id tells.  An image without
 * /etc gets one.  Called in the container. */
int etc_files_write(const struct agent_setup *setup, bool *ret_own_id, struct err *err);

/* The same in a clone, where they were written for `before`: what differs is written anew. */
int etc_files_rewrite(const struct agent_setup *before, bool own_id,
		      const struct agent_setup *setup, struct err *err);
