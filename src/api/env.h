// SPDX-License-Identifier: MIT
/*
 * A command's environment as the user gives it: `--env`, `--env-file`, the image's own
 * (reference: cli-and-rpc.md 3.3, 3.5).  Errors are the reason alone; the caller says what it was
 * ("invalid environment variable: ...").
 */
#pragma once

#include "base/err.h"

#include <jansson.h>

/* Appends "KEY=VALUE" to `list` (in the sense of base/strv.h).  `entry` is that, or "KEY", whose
 * value is then the calling process's own.  White space around the name is dropped, the value is
 * taken verbatim.  ERR_INVALID also for text that is not UTF-8, since the value is kept and shown
 * as JSON; ERR_LIMIT for an entry over LIMIT_ENV_ENTRY or more than
 * LIMIT_ENV_COUNT of them. */
int env_add(char ***list, const char *entry, struct err *err);

/* The same for each line of the file at `path` (a pipe will do); blank lines and lines that start
 * with `#` are skipped.  ERR_LIMIT for a file over LIMIT_CONFIG_FILE or a line over
 * LIMIT_ENV_FILE_LINE. */
int env_add_file(char ***list, const char *path, struct err *err);

/* One list of both, where a later entry replaces an earlier one of the same name; entries without
 * `=` are dropped.  ERR_LIMIT when it is larger than LIMIT_ENV_TOTAL.  The caller owns *ret_env. */
int env_compose(char *const *image, char *const *own, char ***ret_env, struct err *err);

/* The list as a JSON object of name and value, a later entry replacing an earlier one. */
json_t *env_to_json(char *const *env);
