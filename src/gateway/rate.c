// SPDX-License-Identifier: MIT
/* Rates: see rate.h.  A bucket that fills with time, and of which each event takes a token. */
#include "gateway/rate.h"

#include "base/attr.h"

enum { TOKEN = 1000 };

struct rate rate_of(uint32_t per_second, uint32_t burst, uint64_t now_ms)
{
	return (struct rate){per_second, burst, (uint64_t)burst * TOKEN, now_ms};
}

bool rate_take(struct rate *rate, uint64_t now_ms)
{
	uint64_t full = (uint64_t)rate->burst * TOKEN;

	if (now_ms > rate->at_ms) {
		uint64_t rest_ms = MIN(now_ms - rate->at_ms, full);

		rate->left = MIN(rate->left + rest_ms * rate->per_second, full);
		rate->at_ms = now_ms;
	}
	if (rate->left < TOKEN)
		return false;
	rate->left -= TOKEN;
	return true;
}
