// SPDX-License-Identifier: MIT
/*
 * Which accelerator to run with.  /dev/kvm may open and yet interpret guest code one instruction at
 * a time (nested virtualisation without hardware help), so KVM is measured before it is used.
 */
#pragma once

#include "base/err.h"

enum accel { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

/* "auto", "kvm", "tcg". */
const char *accel_name(enum accel accel);
int accel_parse(const char *name, enum accel *ret_accel, struct err *err);

struct accel_probe {
	enum accel accel; /* ACCEL_KVM only when it really is fast */
	unsigned tsc_khz; /* rate of the host's time stamp counter, 0 if unknown */
	char reason[160]; /* why not KVM, one line; empty with KVM */
};

/* Measures, or takes the result kept in `cache_dir`/accel for this boot id.  Runs in a child with a
 * deadline of its own, so that a stalling /dev/kvm cannot stall the caller.  Fails only when the
 * child cannot be made; a cache that cannot be written is no error. */
int accel_probe(const char *cache_dir, struct accel_probe *ret_probe, struct err *err);
