// SPDX-License-Identifier: MIT
/*
 * The checks in their order: see diagnose.h.
 *
 * Names and the meaning of "fail" are kept (reference: cli-and-rpc.md 9.3): a check fails when
 * something that sandboxes need does not work.  What only makes them slow, as a host without KVM,
 * is a warning.  What is not needed any more (firecracker, ip-forwarding) has no check.
 */
#include "setup/diagnose.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "setup/checks_internal.h"
#include "setup/setup.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name;
	check_fn *run;
} checks[] = {
	{"qemu", check_qemu},
	{"kvm-device", check_kvm_device},
	{"cpu-virtualization", check_cpu_virtualization},
	{"kvm-access", check_kvm_access},
	{"group-kvm", check_group_kvm},
	{"accelerator", check_accelerator},
	{"binary-capabilities", check_binary_capabilities},
	{"user-namespaces", check_user_namespaces},
	{"tun-device", check_tun_device},
	{"group-netdev", check_group_netdev},
	{"nf_tables", check_nf_tables},
	{"kernel", check_kernel},
	{"artefacts", check_artefacts},
	{"mke2fs", check_mke2fs},
	{"disk-space", check_disk_space},
	{"state", check_state},
	{"store", check_store},
};

void check_set(struct check_result *result, enum check_status status, const char *fix,
	       const char *fmt, ...)
{
	va_list args;
	char *message;

	va_start(args, fmt);
	if (vasprintf(&message, fmt, args) < 0)
		abort();
	va_end(args);
	result->status = status;
	result->message = message;
	result->fix = fix ? xstrdup(fix) : NULL;
}

int diagnose(struct diagnosis *ret_diagnosis, struct err *err)
{
	AUTO_FREE char *user = setup_default_user(true);
	AUTO_FREE char *state_home = NULL;
	AUTO_FREE char *cache_home = NULL;
	struct diagnosis diagnosis = {.count = ARRAY_SIZE(checks), .ok = true};
	struct subject subject = {.user = user};

	if (path_state_home(&state_home, err) < 0 || path_cache_home(&cache_home, err) < 0)
		return -1;
	subject.state_home = state_home;
	subject.cache_home = cache_home;
	diagnosis.results = xcalloc(diagnosis.count, sizeof(*diagnosis.results));
	for (size_t i = 0; i < diagnosis.count; i++) {
		diagnosis.results[i].name = checks[i].name;
		checks[i].run(&subject, &diagnosis.results[i]);
		diagnosis.ok = diagnosis.ok && diagnosis.results[i].status != CHECK_FAIL;
	}
	*ret_diagnosis = diagnosis;
	return 0;
}

void diagnosis_done(struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->count; i++) {
		free(diagnosis->results[i].message);
		free(diagnosis->results[i].fix);
	}
	free(diagnosis->results);
	*diagnosis = (struct diagnosis){0};
}
