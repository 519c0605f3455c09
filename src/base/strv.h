// SPDX-License-Identifier: MIT
/* A NULL-ended list of owned strings, as argv and environ are.  NULL is an empty list. */
#pragma once

#include <stddef.h>

size_t strv_count(char *const *list);
/* Appends a copy of `text`. */
void strv_add(char ***list, const char *text);
/* Appends `text` itself, which must be malloc'ed. */
void strv_take(char ***list, char *text);
char **strv_copy(char *const *list);
void strv_free(char **list);

/* "KEY=VALUE" lists: adds it, replacing an entry of the same KEY. */
void strv_setenv(char ***list, const char *entry);
/* The value of `key`, borrowed, or NULL. */
const char *strv_getenv(char *const *list, const char *key);

static inline void auto_strv(char ***list)
{
	strv_free(*list);
}
