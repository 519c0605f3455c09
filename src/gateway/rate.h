// SPDX-License-Identifier: MIT
/* How often something may happen: so many times a second, and more at once after a rest. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rate {
	uint32_t per_second, burst;
	uint64_t left;	/* thousandths of a time */
	uint64_t at_ms; /* when `left` was right */
};

/* Begins rested. */
struct rate rate_of(uint32_t per_second, uint32_t burst, uint64_t now_ms);

/* May it happen now?  Then it has. */
bool rate_take(struct rate *rate, uint64_t now_ms);
