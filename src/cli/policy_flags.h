// SPDX-License-Identifier: MIT
/* The flags that say what a guest's network may reach, for every command that has them. */
#pragma once

#include "api/policy_spec.h"
#include "base/err.h"
#include "cli/complete.h"

#include <stdbool.h>
#include <stddef.h>

struct policy_flags {
	char **policy; /* files */
	char **allow_host, **allow_private, **allow_host_service;
	bool allow_host_given; /* a list, even if it is empty */
};

#define POLICY_FLAG(flag, value, kind, field, text, ...)                                     \
	{                                                                                    \
		.name = flag, .metavar = value, .type = kind, .offset = field, .help = text, \
		__VA_ARGS__                                                                  \
	}

/* Rows for a table of flags, which fill the struct policy_flags `member` of `type`. */
#define POLICY_FLAG_ROWS(type, member)                                                            \
	POLICY_FLAG("allow-host", "host[:port]", &cli_list, offsetof(type, member.allow_host),    \
		    "allow this host, pattern, address or range, and deny all that no such "      \
		    "flag allows (list, repeatable)",                                             \
		    .given = offsetof(type, member.allow_host_given)),                            \
		POLICY_FLAG("policy", "file", &cli_array, offsetof(type, member.policy),          \
			    "allow what a policy file says, and deny the rest (repeatable)",      \
			    .complete = cli_offer_files),                                         \
		POLICY_FLAG(                                                                      \
			"allow-private", "CIDR", &cli_list, offsetof(type, member.allow_private), \
			"let what is allowed lead into this private range (list, repeatable)"),   \
		POLICY_FLAG("allow-host-service", "name=ip:port", &cli_list,                      \
			    offsetof(type, member.allow_host_service),                            \
			    "allow one service of this host, under this name (list, repeatable)")

/* Adds all of them to the spec: files first, then flags. */
int policy_flags_read(const struct policy_flags *flags, struct policy_spec *spec, struct err *err);
void policy_flags_done(struct policy_flags *flags);
