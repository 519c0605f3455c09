// SPDX-License-Identifier: MIT
/* What a VM is told before anything else: its name, time, entropy, resolvers, disks. */
#pragma once

#include "api/sandbox_spec.h"
#include "base/buf.h"
#include "base/err.h"
#include "sandbox/disks.h"

/* Appends the SETUP request to `request`.  It carries fresh entropy: wipe it after use. */
int setup_pack(const struct sandbox_spec *spec, const char *id, const struct disks *disks,
	       struct buf *request, struct err *err);
