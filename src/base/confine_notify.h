// SPDX-License-Identifier: MIT
/*
 * The parent's side of CONFINE_NOTIFY: a confined process opens a file, and waits until its parent
 * gives it a descriptor or refuses.  A program that insists on opening a file by its name gets it
 * that way with the rights that we choose, and no file needs to be in its root.
 */
#pragma once

#include <stddef.h>

/* The only paths that can be opened so, and what an open gets: a copy of `fd`. */
struct confine_gift {
	const char *path; /* as the process writes it, at most CONFINE_GIFT_PATH_MAX bytes */
	int fd;
};

enum { CONFINE_GIFT_PATH_MAX = 31 };

/* Answers calls that wait at `notify_fd` (readable while one does), a few at a time, and does not
 * wait for others.  EACCES for any other path, for a path that cannot be read, and for a gift that
 * cannot be given. */
void confine_notify_answer(int notify_fd, const struct confine_gift *gifts, size_t gift_count);
