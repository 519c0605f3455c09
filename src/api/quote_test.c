// SPDX-License-Identifier: MIT
#include "api/quote.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/strv.h"
#include "base/tap.h"

#include <stdlib.h>

static void check_word(const char *word, const char *want)
{
	char *words[] = {(char *)word, NULL};
	AUTO_FREE char *command = NULL;
	struct err err = {0};

	CHECK(quote_command(words, &command, &err) == 0);
	CHECK_STR(command, want);
}

/* What a real shell makes of the words, each in brackets. */
static void check_shell(char *const *words)
{
	AUTO_FREE char *command = NULL;
	AUTO(auto_strv) char **with_printf = NULL;
	struct buf want AUTO_BUF = BUF_INIT(4096);
	struct err err = {0};
	char got[4096];
	size_t len;
	FILE *shell;

	strv_add(&with_printf, "printf");
	strv_add(&with_printf, "[%s]");
	for (size_t i = 0; words[i]; i++) {
		strv_add(&with_printf, words[i]);
		buf_printf(&want, "[%s]", words[i]);
	}
	CHECK(quote_command(with_printf, &command, &err) == 0);
	shell = popen(command, "r");
	CHECK(shell != NULL);
	if (!shell)
		return;
	len = fread(got, 1, sizeof(got) - 1, shell);
	got[len] = '\0';
	CHECK(pclose(shell) == 0);
	CHECK_STR(got, want.ptr);
}

static void test_limit(void)
{
	char *long_word = xcalloc(LIMIT_COMMAND + 1, 1);
	char *words[] = {long_word, NULL, NULL};
	AUTO_FREE char *command = NULL;
	struct err err = {0};

	TEST("the limit is exact, and the message has both sizes");
	memset(long_word, 'x', LIMIT_COMMAND);
	CHECK(quote_command(words, &command, &err) == 0 && strlen(command) == LIMIT_COMMAND);
	words[1] = (char *)"y";
	CHECK(quote_command(words, &command, &err) < 0 && err.code == ERR_LIMIT);
	CHECK_STR(err.msg,
		  "the command is 131073 bytes long when quoted, the limit is 131071 bytes: pass "
		  "long data on standard input (-i) instead");
	free(long_word);
}

int main(void)
{
	static char *const words[] = {(char *)"",
				      (char *)"it's",
				      (char *)"it's me",
				      (char *)"$HOME `id` \"x\"",
				      (char *)"#no",
				      (char *)"~",
				      (char *)"a~b",
				      (char *)"{a,b}",
				      (char *)"a\\b",
				      (char *)"[a-z]*",
				      (char *)"!x",
				      (char *)"a|b&c;d<e>f(g)",
				      (char *)"\t\n x",
				      (char *)"\u00e9=%",
				      (char *)"a\rb",
				      (char *)"^]}",
				      NULL};

	TEST("the forms of the reference");
	check_word("it's", "it\\'s");
	check_word("it's me", "'it'\\''s me'");
	check_word("{a}", "\\{a}");
	check_word("a b", "'a b'");
	check_word("$HOME", "\\$HOME");
	check_word("", "''");
	check_word("~/x", "\\~/x");
	check_word("x~", "x~");
	check_word("a#=%^]}", "a#=%^]}");

	TEST("a word that starts with # is no comment");
	check_word("#x", "\\#x");

	TEST("a shell reads back the same words");
	check_shell(words);

	TEST("no words give an empty command");
	AUTO_FREE char *command = NULL;
	struct err err = {0};
	CHECK(quote_command(NULL, &command, &err) == 0);
	CHECK_STR(command, "");
	test_limit();
	return tap_done();
}
