// SPDX-License-Identifier: MIT
/* The checks of diagnose.c's table. */
#pragma once

#include "base/attr.h"
#include "setup/diagnose.h"

#define FIX_SETUP "sudo matchlock setup linux"

/* For whom. */
struct subject {
	const char *user;
	const char *state_home, *cache_home;
};

typedef void check_fn(const struct subject *subject, struct check_result *result);

/* The outcome of a check, once; `fix` is copied, and may be NULL. */
void check_set(struct check_result *result, enum check_status status, const char *fix,
	       const char *fmt, ...) ML_PRINTF(4, 5);

/* checks_host.c: what the host lets us do */
check_fn check_kvm_device, check_cpu_virtualization, check_kvm_access, check_group_kvm,
	check_tun_device, check_group_netdev, check_user_namespaces;

/* check_nftables.c */
check_fn check_nf_tables;

/* checks_program.c: the programs, and what belongs to ours */
check_fn check_qemu, check_mke2fs, check_accelerator, check_binary_capabilities, check_kernel,
	check_artefacts;

/* checks_home.c: the user's files */
check_fn check_disk_space, check_state, check_store;
