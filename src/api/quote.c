// SPDX-License-Identifier: MIT
/*
 * Shell quoting: see quote.h.  A word with white space goes into single quotes, in any other word
 * each special character gets a backslash.  `#` at the start of a word is quoted too, which the
 * system that we replace forgot: its shell took the rest for a comment.
 */
#include "api/quote.h"

#include "base/buf.h"
#include "base/limits.h"

#include <string.h>

static bool is_special(const char *word, const char *at)
{
	if (strchr("\\'\"`${[|&;<>()*?!", *at))
		return true;
	return at == word && (*at == '~' || *at == '#');
}

static void put_single_quoted(struct buf *buf, const char *word)
{
	buf_putc(buf, '\'');
	for (const char *at = word; *at; at++) {
		if (*at == '\'')
			buf_puts(buf, "'\\''");
		else
			buf_putc(buf, *at);
	}
	buf_putc(buf, '\'');
}

static void put_word(struct buf *buf, const char *word)
{
	if (!*word) {
		buf_puts(buf, "''");
	} else if (strpbrk(word, " \t\n")) {
		put_single_quoted(buf, word);
	} else {
		for (const char *at = word; *at; at++) {
			if (is_special(word, at))
				buf_putc(buf, '\\');
			buf_putc(buf, *at);
		}
	}
}

int quote_command(char *const *words, char **ret_command, struct err *err)
{
	struct buf command AUTO_BUF = BUF_INIT(LIMIT_COMMAND);
	size_t total = 0;

	for (size_t i = 0; words && words[i]; i++) {
		/* Enough for a word of nothing but quotes, so that the size in the message is
		 * true. */
		struct buf word AUTO_BUF = BUF_INIT(4 * strlen(words[i]) + 3);

		if (i > 0)
			buf_putc(&word, ' ');
		put_word(&word, words[i]);
		total += word.len;
		buf_put(&command, word.ptr, word.len);
	}
	if (command.failed)
		return err_set(
			err, ERR_LIMIT,
			"the command is %zu bytes long when quoted, the limit is %d bytes: pass "
			"long data on standard input (-i) instead",
			total, LIMIT_COMMAND);
	*ret_command = buf_steal(&command, NULL);
	return 0;
}
