// SPDX-License-Identifier: MIT
/* What `run --publish` and `port-forward` say about ports. */
#pragma once

#include "api/port_mapping.h"

#include <stddef.h>

/* A connection that was not possible, with the reason. */
#define FORWARDING_ERROR "port-forward connection error: %s"

/* One line a mapping on stderr: "Forwarding 127.0.0.1:8080 -> sandbox:80". */
void forwarding_print(const struct port_mapping *mappings, size_t count);
