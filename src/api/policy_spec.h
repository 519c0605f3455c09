// SPDX-License-Identifier: MIT
/*
 * What a user allows a guest's network, as texts in their one written form: filled from flags,
 * policy files (api/policy_file.h) and RPC, changed by `allow-list`, judged by policy/.  All zero
 * is the default: the public internet, nothing private.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct policy_spec {
	/* A list was given at some time: what is not on it is denied, also once it is empty. */
	bool listed;
	char **allow_hosts;    /* of host_entry.h, in the order in which they came */
	char **allow_private;  /* ranges of base/ip.h that the private floor leaves open */
	char **host_services;  /* of host_service.h */
	bool allow_local_nets; /* `block_private_ips: false`: RFC 1918, ULA and CGNAT are open */
	bool audit_only;       /* the list is not enforced; the private floor is */
};

void policy_spec_done(struct policy_spec *spec);

/* A copy of its own. */
struct policy_spec policy_spec_copy(const struct policy_spec *spec);

/* Adds entries to the list, which is a list from then on.  Blanks around them and blank ones are
 * dropped, as are those already there.  *ret_added (the caller's, NULL when empty) gets the new
 * ones in order.  One that is wrong, or more than LIMIT_POLICY_ENTRIES, adds nothing at all. */
int policy_spec_add_hosts(struct policy_spec *spec, char *const *hosts, char ***ret_added,
			  struct err *err);

/* Takes entries off the list; *ret_removed as above.  One that is not there is no error, one that
 * could not be there is.  The list stays a list. */
int policy_spec_delete_hosts(struct policy_spec *spec, char *const *hosts, char ***ret_removed,
			     struct err *err);

/* One value of --allow-private, of --allow-host-service. */
int policy_spec_add_private(struct policy_spec *spec, const char *range, struct err *err);
int policy_spec_add_service(struct policy_spec *spec, const char *service, struct err *err);
