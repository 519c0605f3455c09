// SPDX-License-Identifier: MIT
/*
 * A TCP connection to the first of several addresses that answers (RFC 8305): they are tried one
 * after the other, the families in turns; the next one when the one before has failed or has taken
 * a quarter of a second.
 */
#pragma once

#include "base/err.h"
#include "base/ip.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct dial;

/* `fd`: connected, non-blocking, TCP_NODELAY, the callee's; -1: `why` says what was tried, in one
 * line.  Called once, from the loop; the dial is gone then. */
typedef void dial_done_fn(void *ctx, int fd, const struct ip *ip, const struct err *why);

/* At most LIMIT_DIAL_ADDRESSES of `ips` are tried, nothing else is. */
struct dial *dial_start(uv_loop_t *loop, const struct ip *ips, size_t count, uint16_t port,
			dial_done_fn *done, void *ctx);
/* No call follows. */
void dial_cancel(struct dial *dial);
