// SPDX-License-Identifier: MIT
/* The flags of the network's policy: see policy_flags.h. */
#include "cli/policy_flags.h"

#include "api/policy_file.h"
#include "base/auto.h"
#include "base/strv.h"

int policy_flags_read(const struct policy_flags *flags, struct policy_spec *spec, struct err *err)
{
	AUTO(auto_strv) char **added = NULL;

	for (char **file = flags->policy; file && *file; file++) {
		if (policy_file_read(spec, *file, err) < 0)
			return -1;
	}
	spec->listed |= flags->allow_host_given;
	if (flags->allow_host && policy_spec_add_hosts(spec, flags->allow_host, &added, err) < 0)
		return -1;
	for (char **range = flags->allow_private; range && *range; range++) {
		if (policy_spec_add_private(spec, *range, err) < 0)
			return -1;
	}
	for (char **service = flags->allow_host_service; service && *service; service++) {
		if (policy_spec_add_service(spec, *service, err) < 0)
			return -1;
	}
	return 0;
}

void policy_flags_done(struct policy_flags *flags)
{
	strv_free(flags->policy);
	strv_free(flags->allow_host);
	strv_free(flags->allow_private);
	strv_free(flags->allow_host_service);
	*flags = (struct policy_flags){0};
}
