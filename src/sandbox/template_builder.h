// SPDX-License-Identifier: MIT
/* `matchlock template create` as a process of its own: what a sandbox starts that lacks a template.
 */
#pragma once

#include "base/err.h"
#include "base/proc.h"

#include <stdbool.h>
#include <stdint.h>

struct template_order {
	const char *image;
	bool generic; /* the generic template alone, of the device shape that the image takes */
	const char *accel;
	double cpus;
	int64_t memory_mb, disk_size_mb;
	bool no_network;
};

/* A child, to be waited for and to be killed with whoever waits. */
int template_builder_start(const struct template_order *order, struct proc *ret_proc,
			   struct err *err);

/* A process that outlives this one: quiet, of low priority, gone within half a minute. */
int template_builder_detach(const struct template_order *order, struct err *err);
