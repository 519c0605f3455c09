// SPDX-License-Identifier: MIT
/*
 * `matchlock setup`: what root does once to a host, so that an ordinary user can run sandboxes.
 * Both print what they do and find, a line each; run again they find everything done.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct setup_options {
	char *user;	   /* NULL: $SUDO_USER, else who runs this */
	char *binary;	   /* NULL: this program */
	char *install_dir; /* of earlier releases; only told about */
	bool dry_run, best_effort;
	bool skip_vmm, skip_permissions, skip_network;
};

/* The whole host.  Errors: ERR_DENIED without root, ERR_NOT_FOUND for an unknown user, else "setup
 * step NAME: ...".  With `best_effort` only the user's groups can fail. */
int setup_linux(const struct setup_options *options, struct err *err);

/* Only the groups of one user. */
int setup_user(const char *user, bool dry_run, struct err *err);

/* Whom set-up is for when nobody is named, malloc'ed: $SUDO_USER, else $USER if `trust_user`, else
 * the name of the process's user. */
char *setup_default_user(bool trust_user);
