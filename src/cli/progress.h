// SPDX-License-Identifier: MIT
/*
 * How far a pull is, on standard error: on a terminal a bar for each layer, redrawn in place; else
 * one line for each layer that is done.
 */
#pragma once

#include "base/buf.h"
#include "image/worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum progress_style { PROGRESS_NONE, PROGRESS_LINES, PROGRESS_BARS };

struct progress_layer {
	char name[13]; /* the first digits of its digest; "" until it is known */
	uint64_t done, total;
	bool cached, finished;
};

struct progress {
	enum progress_style style;
	uint64_t deadline_ms; /* on the monotonic clock; 0: none */
	uint64_t drawn_ms;
	size_t lines; /* on the screen */
	size_t count;
	struct progress_layer *layers;
};

/* Bars where standard error is a terminal, else `otherwise`.  `time_limit_s` 0: none. */
void progress_init(struct progress *progress, enum progress_style otherwise, unsigned time_limit_s);

/* struct pull_request's callback, with a struct progress as `ctx`; false once the time is up. */
bool progress_update(void *ctx, const struct pull_progress *update);

/* Leaves the last state on the screen. */
void progress_done(struct progress *progress);

/* True if it was progress_update() that ended the pull. */
bool progress_timed_out(const struct progress *progress);

/* One bar as it is drawn, without its end of line. */
void progress_draw_layer(const struct progress_layer *layer, size_t columns, struct buf *text);
