// SPDX-License-Identifier: MIT
/* Lists of strings: see strv.h. */
#include "base/strv.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

size_t strv_count(char *const *list)
{
	size_t count = 0;

	while (list && list[count])
		count++;
	return count;
}

void strv_take(char ***list, char *text)
{
	size_t count = strv_count(*list);

	*list = xreallocarray(*list, count + 2, sizeof(char *));
	(*list)[count] = text;
	(*list)[count + 1] = NULL;
}

void strv_add(char ***list, const char *text)
{
	strv_take(list, xstrdup(text));
}

char **strv_copy(char *const *list)
{
	size_t count = strv_count(list);
	char **copy = xcalloc(count + 1, sizeof(char *));

	for (size_t i = 0; i < count; i++)
		copy[i] = xstrdup(list[i]);
	return copy;
}

void strv_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

static size_t key_len(const char *entry)
{
	return strcspn(entry, "=");
}

void strv_setenv(char ***list, const char *entry)
{
	size_t len = key_len(entry);

	for (size_t i = 0; *list && (*list)[i]; i++) {
		if (key_len((*list)[i]) != len || strncmp((*list)[i], entry, len) != 0)
			continue;
		free((*list)[i]);
		(*list)[i] = xstrdup(entry);
		return;
	}
	strv_add(list, entry);
}

const char *strv_getenv(char *const *list, const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 0; list && list[i]; i++) {
		if (strncmp(list[i], key, len) == 0 && list[i][len] == '=')
			return list[i] + len + 1;
	}
	return NULL;
}
