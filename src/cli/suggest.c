// SPDX-License-Identifier: MIT
/* Suggestions for unknown commands: see suggest.h. */
#include "cli/suggest.h"

#include "base/buf.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { EDITS_MAX = 2, NAME_MAX_BYTES = 32, HINT_BYTES = 1024 };

/* The edit distance of Levenshtein, upper and lower case being equal; both texts are shorter than
 * NAME_MAX_BYTES.  One row of the usual table is kept. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[NAME_MAX_BYTES + 1];
	size_t len = strlen(b);

	for (unsigned j = 0; j <= len; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= len; j++) {
			bool equal = tolower((unsigned char)a[i - 1]) ==
				     tolower((unsigned char)b[j - 1]);
			unsigned above = row[j];

			row[j] = MIN(MIN(above, row[j - 1]) + 1, diagonal + !equal);
			diagonal = above;
		}
	}
	return row[len];
}

char *cli_suggest(const struct cli_command *group, const char *word)
{
	struct buf hint AUTO_BUF = BUF_INIT(HINT_BYTES);

	if (!*word || strlen(word) >= NAME_MAX_BYTES)
		return NULL;
	for (const struct cli_command *child = group->children; child->name; child++) {
		if (child->hidden || (edit_distance(word, child->name) > EDITS_MAX &&
				      strncasecmp(child->name, word, strlen(word)) != 0))
			continue;
		buf_printf(&hint, "%s\t%s\n", hint.len ? "" : "\nDid you mean this?\n",
			   child->name);
	}
	return hint.len ? buf_steal(&hint, NULL) : NULL;
}
