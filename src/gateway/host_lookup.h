// SPDX-License-Identifier: MIT
/*
 * Names as the host itself looks them up: its hosts file, its name servers, whatever else its name
 * service switch has.  Blocks, for as long as the host's settings say; any thread may call it.
 */
#pragma once

#include "gateway/resolver_wire.h"

/* Before any thread: names are taken as they are, without the host's search domains. */
void host_lookup_begin(void);

/* Fills all but the number.  Fewer addresses and records than there are when the answer's limits
 * want it so; records that are malformed are left out.  `memory` holds the records' data. */
void host_lookup(const struct resolver_question *question, struct resolver_answer *ret_answer,
		 struct buf *memory);
