// SPDX-License-Identifier: MIT
/*
 * guest/users.c: the input is a user's name, a passwd and a group file, parted by NUL bytes, as a
 * hostile image has them.  Besides not crashing: what is found has a home and its own group first,
 * and no more groups than the limit.
 */
#include "guest/users.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "fuzz/fuzz.h"

#include <assert.h>

/* The bytes up to the next NUL, which are taken off the front. */
static struct view part(const char **at, size_t *left)
{
	struct view piece = {*at, strnlen(*at, *left)};
	size_t used = MIN(piece.len + 1, *left);

	*at += used;
	*left -= used;
	return piece;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data;
	struct view spec = part(&at, &size);
	struct view passwd = part(&at, &size);
	AUTO_FREE char *name = xstrndup(spec.ptr, spec.len);
	AUTO(user_done) struct user user = {0};
	struct err err = {0};

	if (user_parse(name, passwd, (struct view){at, size}, &user, &err) < 0) {
		assert(err.code != ERR_NONE && err.msg[0]);
		return 0;
	}
	assert(user.home && user.home[0]);
	assert(user.group_count >= 1 && user.group_count <= LIMIT_USER_GROUPS);
	assert(user.groups[0] == user.gid);
	return 0;
}
