// SPDX-License-Identifier: MIT
/*
 * Who a command runs as: "", "uid", "name", and either with ":gid" or ":group", looked up in the
 * image's /etc/passwd and /etc/group as Docker does, but that a number without an entry is its own
 * group too.  Both files are a hostile image's: bounded, and no line can do more than not match.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

struct user {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary, with `gid` first; malloc'ed */
	size_t group_count;
	char *home; /* of the passwd entry, else "/"; malloc'ed */
};

/* Pure.  ERR_NOT_FOUND 'user "x" not found', ERR_LIMIT for more groups than
 * LIMIT_USER_GROUPS. */
int user_parse(const char *spec, struct view passwd, struct view group, struct user *ret_user,
	       struct err *err);

/* The same with the files of the current root; one that is missing is empty. */
int user_lookup(const char *spec, struct user *ret_user, struct err *err);

void user_done(struct user *user);
