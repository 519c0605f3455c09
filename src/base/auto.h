// SPDX-License-Identifier: MIT
/*
 * Ownership by attribute: a local that owns something says so where it is declared and is released
 * on every way out; `STEAL` moves the ownership out on success.
 */
#pragma once

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#define AUTO(fn)  __attribute__((cleanup(fn)))
#define AUTO_FREE AUTO(auto_free_)
#define AUTO_FD	  AUTO(auto_close_) /* int, -1 = none */
#define AUTO_DIR  AUTO(auto_closedir_)

/* DEFINE_AUTO(image): `AUTO(auto_image) struct image *image = NULL;` calls image_free(). */
#define DEFINE_AUTO(type)                               \
	static inline void auto_##type(struct type **p) \
	{                                               \
		type##_free(*p);                        \
	}

#define STEAL(p)                             \
	({                                   \
		__typeof__(p) stolen_ = (p); \
		(p) = NULL;                  \
		stolen_;                     \
	})
#define STEAL_FD(fd)                \
	({                          \
		int stolen_ = (fd); \
		(fd) = -1;          \
		stolen_;            \
	})

static inline void auto_free_(void *p)
{
	free(*(void **)p);
}

static inline void auto_close_(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void auto_closedir_(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
