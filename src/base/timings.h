// SPDX-License-Identifier: MIT
/* Where the milliseconds of a start go: named moments of this process, and steps of the guest that
 * lie between two of them.  Every function takes NULL, for nobody who asks. */
#pragma once

#include "base/auto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timings;

/* The clock starts with the process: what that has run so far, the loading of its libraries for the
 * most part, lies before the first mark. */
struct timings *timings_new(void);
void timings_free(struct timings *timings);
DEFINE_AUTO(timings)

/* `name`, which must live as long as the timings, is reached now.  At most LIMIT_TIMINGS are kept.
 */
void timings_mark(struct timings *timings, const char *name);

/* A step of the guest that took `us`; it belongs to the last mark. */
void timings_guest(struct timings *timings, const char *name, uint32_t us);

struct timing {
	const char *name;
	bool guest;
	uint64_t at_us;	  /* since the start; of a guest's step: that of its mark */
	uint64_t took_us; /* since the mark before; of a guest's step: its own */
};

/* All of them, in order; borrowed until the next call with `timings`. */
const struct timing *timings_list(const struct timings *timings, size_t *ret_count);
