// SPDX-License-Identifier: MIT
/* The files below /etc that are the VM's and not the image's. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct agent_setup;

enum etc_file { ETC_HOSTNAME, ETC_HOSTS, ETC_RESOLV_CONF, ETC_MACHINE_ID, ETC_FILES };

/* hostname, hosts, resolv.conf: replaced, whatever is there (a link is not followed).  machine-id:
 * written only where the image leaves it open, by a missing file, an empty one or systemd's
 * "uninitialized"; an image's own id is kept, as Docker does.  An image without /etc gets one.
 * *ret_mask: bits of those that are ours now.  Called in the container. */
int etc_files_write(const struct agent_setup *setup, unsigned *ret_mask, struct err *err);

/* Opens those of `mask` for writing, the others are -1: before a template is saved.  Called in the
 * container. */
int etc_files_open(unsigned mask, int ret_fds[ETC_FILES], struct err *err);

/* Closes those that are open; all are -1 then. */
void etc_files_close(int fds[ETC_FILES]);

/* In a clone: writes anew what differs from what `before` said.  In place, on files that are open,
 * this is a twentieth of the work of replacing them. */
int etc_files_rewrite(const struct agent_setup *before, const struct agent_setup *setup,
		      const int fds[ETC_FILES], struct err *err);
