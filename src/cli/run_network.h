// SPDX-License-Identifier: MIT
/* What `run` makes of the flags of its network. */
#pragma once

#include "base/err.h"
#include "cli/run_options.h"

/* Fills the spec's policy, proxy and audit.  The proxy is --upstream-proxy, else that of the
 * environment as curl has it: https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY, and no_proxy,
 * NO_PROXY.  Errors name the flag or the variable, and no password. */
int run_network_read(struct run_options *options, struct err *err);
