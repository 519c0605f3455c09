// SPDX-License-Identifier: MIT
/*
 * Making templates.  A generic one is a VM that was booted and saved before it was told what it is;
 * an image's one is derived from a generic one: restored onto a copy of its memory, set up with the
 * image's layers and a fresh upper disk, one command run, and saved while a process waits for its
 * arguments.  Each is tried once before it gets its name.
 *
 * The calls take seconds and run a loop of their own: they are for a process that does nothing
 * else (`matchlock template create`), which a sandbox starts when it lacks a template.
 */
#pragma once

#include "api/sandbox_spec.h"
#include "base/err.h"
#include "vmm/vmm.h"

struct image;

struct template_request {
	const char *cache_home;
	const struct vmm_ops *vmm;
	/* cpus, memory_mb, disk_size_mb, no_network and image_config are used; image is its name.
	 */
	const struct sandbox_spec *spec;
	char *const *layers; /* EROFS files, base first */
	bool generic;	     /* the generic template alone, of the device shape that they take */
	enum accel accel;    /* ACCEL_AUTO: measured */
	unsigned wait_ms;    /* for another process that is making the same */
	/* What is being done now, for people ("booting", "trying"); NULL allowed. */
	void (*progress)(void *ctx, const char *step);
	void *ctx;
};

/* Sees that the templates are there: the generic one, and the image's.  *ret_made
 * (NULL allowed): how many were made, 0 if all were there.  The size cap is then kept. */
int template_build(const struct template_request *request, unsigned *ret_made, struct err *err);
