// SPDX-License-Identifier: MIT
/* Connections from the host to servers in the guest. */
#pragma once

#include "base/buf.h"
#include "wire/mux.h"

#include <uv.h>

/* A stream of kind CONNECT was opened: connects, or answers FAILED. */
void connect_open(uv_loop_t *loop, struct mux_stream *stream, struct view request);
