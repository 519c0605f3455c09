// SPDX-License-Identifier: MIT
/*
 * cli/parse.c with the flags of `run`, and what run_options.c makes of them: the input is the
 * command line, one word a line.  Besides not crashing: an error is one line of text, the operands
 * are words of the line, and a composed command keeps its limit.  No file is read.
 */
#include "cli/parse.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"
#include "cli/run_options.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

static void check_error(const struct err *err)
{
	assert(err->code != ERR_NONE && err->msg[0] && !strchr(err->msg, '\n'));
}

static void check_words(const struct cli_parse *parse, char *const *args)
{
	size_t from = 0;

	assert(args);
	for (int i = 0; i < parse->word_count; i++, from++) {
		while (args[from] && args[from] != parse->words[i])
			from++;
		assert(args[from]);
	}
	assert(!parse->words[parse->word_count]);
}

static void resolve(struct run_options *run, char *const *words)
{
	static char *const image_words[] = {(char *)"/bin/sh", NULL};
	const struct image_config image = {.cmd = (char **)image_words};
	struct err err = {0};

	strv_free(STEAL(run->env_file));
	if (run_options_check(run, 8, &err) < 0 ||
	    run_options_resolve(run, words, &image, &err) < 0) {
		check_error(&err);
		return;
	}
	assert(run->command && strlen(run->command) <= LIMIT_COMMAND);
	assert(run->words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cli_command command = {
		.name = "run", .operands = "-- <command>", .options = run_flags};
	AUTO(run_options_done) struct run_options run = {0};
	AUTO(cli_parse_done) struct cli_parse parse = {.command = &command, .fields = &run};
	AUTO(auto_strv) char **args = NULL;
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	char *at = text;
	struct err err = {0};

	while (at)
		strv_add(&args, strsep(&at, "\n"));
	run_options_init(&run);
	if (cli_parse(&parse, args, &err) < 0) {
		check_error(&err);
		return 0;
	}
	check_words(&parse, args);
	resolve(&run, parse.words);
	return 0;
}
