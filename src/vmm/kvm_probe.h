// SPDX-License-Identifier: MIT
/* Whether KVM runs guest code at the speed of hardware: the part of accel.h that runs in a child.
 */
#pragma once

#include <stdbool.h>

struct kvm_probe_result {
	bool fast;
	char reason[160]; /* why not, if not */
};

/* A proc_call_fn; `ret_result` is a struct kvm_probe_result.  May stall or be killed: run it with a
 * deadline. */
void kvm_probe(void *arg, void *ret_result);
