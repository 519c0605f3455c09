// SPDX-License-Identifier: MIT
/*
 * Manual pages, printed from the tables in the language of scdoc(5), so that they cannot say
 * anything else than the program does.  tools/man-pages makes pages of them when it is built.
 */
#pragma once

#include "base/err.h"

struct cli;

/* The hidden `__man COMMAND PATH`: the page of the command, which is called as page it is,
 * "matchlock-image-ls" in section 1.  What standard input has are sections of its own, put before
 * the last one.  `__man --list`: the paths of all commands that have a page, one a line. */
int cmd_man(struct cli *cli, int argc, char **argv, struct err *err);
