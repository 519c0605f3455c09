// SPDX-License-Identifier: MIT
/*
 * A policy as text: what `--policy FILE` reads, what `allow-list` of a running VM and
 *`--audit-only` write.  One line is one flag without its dashes, and its value:
 *
 *	# what the build needs
 *	allow-host *.example.com
 *	allow-host db.example.com:5432	# not only HTTP and TLS
 *	allow-private 10.1.2.0/24
 *	allow-host-service db.internal=127.0.0.1:5432
 *	include common.policy		# relative to this file's folder
 *
 * A policy file is a list: what it does not allow is denied.
 */
#pragma once

#include "api/policy_spec.h"
#include "base/buf.h"
#include "base/err.h"

/* Adds what the file and those it includes say.  At most LIMIT_POLICY_FILES files of together
 * LIMIT_POLICY_BYTES, LIMIT_POLICY_DEPTH deep.  Errors begin with "FILE:LINE: ", and again for each
 * include on the way; the spec then holds a part and is good for nothing. */
int policy_file_read(struct policy_spec *spec, const char *path, struct err *err);

/* The same from memory, where nothing can be included.  Errors begin with "line N: ". */
int policy_file_parse(struct policy_spec *spec, struct view text, struct err *err);

/* Appends what allows the same; written and read again nothing changes. */
void policy_file_write(const struct policy_spec *spec, struct buf *text);
