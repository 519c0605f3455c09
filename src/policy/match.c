// SPDX-License-Identifier: MIT
/* Patterns: see match.h.  Takes at most the product of the two lengths. */
#include "policy/match.h"

#include <stddef.h>
#include <string.h>

/* One label against one label: the last star is the only one to come back to. */
static bool match_label(const char *pattern, const char *pattern_end, const char *text,
			const char *text_end)
{
	const char *star = NULL, *taken = NULL; /* behind the last star; where its run ends */

	while (text < text_end) {
		if (pattern < pattern_end && *pattern == '*') {
			star = ++pattern;
			taken = text;
		} else if (pattern < pattern_end && *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++taken;
		} else {
			return false;
		}
	}
	while (pattern < pattern_end && *pattern == '*')
		pattern++;
	return pattern == pattern_end;
}

/* As many labels as the pattern has, each by its own. */
static bool match_labels(const char *pattern, const char *name)
{
	for (;;) {
		const char *pattern_end = pattern + strcspn(pattern, ".");
		const char *name_end = name + strcspn(name, ".");

		if (!match_label(pattern, pattern_end, name, name_end) || *pattern_end != *name_end)
			return false;
		if (!*pattern_end)
			return true;
		pattern = pattern_end + 1;
		name = name_end + 1;
	}
}

bool match_name(const char *pattern, const char *name)
{
	const char *dot;

	if (strcmp(pattern, "*") == 0)
		return true;
	if (strncmp(pattern, "*.", 2) != 0)
		return match_labels(pattern, name);
	for (dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.')) {
		if (match_labels(pattern + 2, dot + 1))
			return true;
	}
	return false;
}
