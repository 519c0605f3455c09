// SPDX-License-Identifier: MIT
/* Bars as they are drawn. */
#include "cli/progress.h"

#include "base/tap.h"

static void check_drawn(const struct progress_layer *layer, size_t columns, const char *want)
{
	struct buf text AUTO_BUF = BUF_INIT(4096);

	progress_draw_layer(layer, columns, &text);
	CHECK_STR(text.ptr, want);
}

int main(void)
{
	const uint64_t mib = 1024 * 1024;
	struct progress progress = {.style = PROGRESS_NONE};

	TEST("a bar is as full as its layer");
	check_drawn(&(struct progress_layer){.name = "0123456789ab",
					     .done = 5 * mib,
					     .total = 10 * mib},
		    48, "0123456789ab  [=====>    ]  5.0/10.0 MB");
	check_drawn(&(struct progress_layer){.name = "0123456789ab",
					     .done = 10 * mib,
					     .total = 10 * mib,
					     .finished = true},
		    48, "0123456789ab  [==========]  10.0 MB");
	check_drawn(
		&(struct progress_layer){.name = "0123456789ab", .finished = true, .cached = true},
		48, "0123456789ab  [==========]  already there");
	check_drawn(&(struct progress_layer){0}, 48, "waiting       [>         ]  0.0 MB");

	TEST("more bytes than were promised do not leave the bar");
	check_drawn(&(struct progress_layer){.name = "a", .done = 30 * mib, .total = 10 * mib}, 48,
		    "a             [==========]  30.0/10.0 MB");

	TEST("a narrow terminal has no bar");
	check_drawn(&(struct progress_layer){.name = "a", .done = mib}, 20, "a             1.0 MB");

	TEST("the time limit ends a pull, with or without a display");
	CHECK(progress_update(&progress, &(struct pull_progress){.layer_count = 0}));
	progress.deadline_ms = 1;
	CHECK(!progress_update(&progress, &(struct pull_progress){.layer_count = 1}));
	CHECK(progress_timed_out(&progress));
	progress_done(&progress);
	return tap_done();
}
