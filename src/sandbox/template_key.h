// SPDX-License-Identifier: MIT
/*
 * The name of a template is a digest of everything that it depends on, so that another kernel,
 * guest-init, QEMU, image or flag is simply another name.  Files count by their identity on this
 * host (inode, size, times), not by their content: a change of content changes the times.
 */
#pragma once

#include "api/image_config.h"
#include "base/err.h"
#include "sandbox/disks.h"
#include "sandbox/templates.h"
#include "vmm/vmm.h"

/* Of the VM that was booted with kernel and initramfs of `vm`, with its CPUs, memory and slots. */
int template_key_generic(const struct vmm_ops *vmm, const struct vm_spec *vm,
			 char ret_key[TEMPLATE_KEY_SIZE], struct err *err);

/* Of the one that is derived from it.  `disks` without an upper layer, which is `disk_mb` large.
 * `config` is the image's own. */
struct template_of_image {
	const char *generic_key;
	const struct disks *disks;
	int64_t disk_mb;
	double cpus;
	bool network;
	const struct image_config *config;
};
int template_key_image(const struct template_of_image *of, char ret_key[TEMPLATE_KEY_SIZE],
		       struct err *err);
