// SPDX-License-Identifier: MIT
/* The packet filter of a sealed network: what the guest may send, and where it goes. */
#pragma once

#include "base/err.h"

int ruleset_load(struct err *err);
