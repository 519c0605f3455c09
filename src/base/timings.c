// SPDX-License-Identifier: MIT
/* Moments of a start: see timings.h.  A fixed table, so that taking the time costs next to none. */
#include "base/timings.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"

#include <stdlib.h>
#include <time.h>

struct timings {
	uint64_t start_ns, last_ns;
	size_t count;
	struct timing list[LIMIT_TIMINGS];
};

struct timings *timings_new(void)
{
	struct timings *timings = xcalloc(1, sizeof(*timings));
	struct timespec run;

	/* The kernel tells when a process started only to a hundredth of a second; until here it
	 * has waited for nothing, so that the time that it has run is its age. */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &run);
	timings->start_ns =
		clock_monotonic_ns() - (uint64_t)run.tv_sec * 1000000000 - (uint64_t)run.tv_nsec;
	timings->last_ns = timings->start_ns;
	return timings;
}

void timings_free(struct timings *timings)
{
	free(timings);
}

static void add(struct timings *timings, const struct timing *timing)
{
	if (timings->count < LIMIT_TIMINGS)
		timings->list[timings->count++] = *timing;
}

void timings_mark(struct timings *timings, const char *name)
{
	uint64_t now;

	if (!timings)
		return;
	now = clock_monotonic_ns();
	add(timings, &(struct timing){.name = name,
				      .at_us = (now - timings->start_ns) / 1000,
				      .took_us = (now - timings->last_ns) / 1000});
	timings->last_ns = now;
}

void timings_guest(struct timings *timings, const char *name, uint32_t us)
{
	if (timings)
		add(timings,
		    &(struct timing){.name = name,
				     .guest = true,
				     .at_us = (timings->last_ns - timings->start_ns) / 1000,
				     .took_us = us});
}

const struct timing *timings_list(const struct timings *timings, size_t *ret_count)
{
	*ret_count = timings ? timings->count : 0;
	return timings ? timings->list : NULL;
}
