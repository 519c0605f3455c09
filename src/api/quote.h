// SPDX-License-Identifier: MIT
/*
 * Words to one string that `sh -c` splits into the same words again (reference: cli-and-rpc.md
 * 3.3).  Clients see the string in `exec` requests and logs, so the rules are part of the contract
 * and not just any quoting that works.
 */
#pragma once

#include "base/err.h"

/* The NULL-ended `words`, quoted and joined by spaces; malloc'ed, the caller's.  A string longer
 * than LIMIT_COMMAND, which no kernel passes as one argument, is ERR_LIMIT with both sizes. */
int quote_command(char *const *words, char **ret_command, struct err *err);
