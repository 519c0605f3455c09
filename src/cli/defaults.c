// SPDX-License-Identifier: MIT
/*
 * Flags' defaults from the environment: see defaults.h.  --help and --version have none; a flag on
 * the command line wins, and its variable is then not even looked at.
 */
#include "cli/defaults.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/strv.h"
#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>

enum { VARIABLE_BYTES = 200 };

char *cli_variable_name(const struct cli *cli, const struct cli_option *option)
{
	struct buf name AUTO_BUF = BUF_INIT(VARIABLE_BYTES);

	for (size_t i = 0; i < cli->depth; i++)
		buf_printf(&name, "%s_", cli->path[i]->name);
	buf_puts(&name, option->name);
	for (char *c = name.ptr; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	return buf_steal(&name, NULL);
}

static const char *value_of(const char *variable)
{
	const char *value = variable ? getenv(variable) : NULL;

	return value && *value ? value : NULL;
}

/* 1: set, 0: no variable, -1 with err. */
static int set_from(const char *variable, const struct cli_option *option, void *fields,
		    struct err *err)
{
	const char *value = value_of(variable);
	AUTO_FREE char *shown = NULL;
	struct err why;

	if (!value)
		return 0;
	shown = text_quoted(value);
	if (!text_is_utf8(value))
		return err_set(err, ERR_INVALID, "%s=%s in the environment is not valid UTF-8",
			       variable, shown);
	if (cli_parse_value(option, fields, value, &why) < 0)
		return err_set(
			err, ERR_INVALID,
			"invalid value %s of %s in the environment for \"--%s\" flag: %.250s",
			shown, variable, option->name, why.msg);
	return 1;
}

int cli_defaults(const struct cli *cli, const struct cli_parse *parse, struct err *err)
{
	const struct cli_option *options = parse->command->options;

	for (size_t i = 0; options && options[i].name; i++) {
		AUTO_FREE char *variable = cli_variable_name(cli, &options[i]);
		int found = parse->given & (UINT64_C(1) << i) ? 1 : 0;

		if (!found)
			found = set_from(variable, &options[i], parse->fields, err);
		if (!found)
			found = set_from(options[i].variable, &options[i], parse->fields, err);
		if (found < 0)
			return -1;
		if (!found && options[i].required)
			return err_set(err, ERR_INVALID,
				       "required flag(s) \"%s\" not set (give --%s %s, or set %s)",
				       options[i].name, options[i].name, options[i].metavar,
				       variable);
	}
	return 0;
}
