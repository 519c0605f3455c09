// SPDX-License-Identifier: MIT
/*
 * Progress of a pull: see progress.h.
 *
 * Happy path: every update is noted; at most ten times a second the lines are drawn anew over the
 * old ones, in one write.  When there are more layers than fit on the screen, those that are done
 * are left out and counted.
 */
#include "cli/progress.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { REDRAW_MS = 100, SCREEN_BYTES = 64 * 1024, BAR_MAX = 40, TEXT_COLUMNS = 38 };

void progress_init(struct progress *progress, enum progress_style otherwise, unsigned time_limit_s)
{
	*progress = (struct progress){
		.style = isatty(STDERR_FILENO) ? PROGRESS_BARS : otherwise,
		.deadline_ms = time_limit_s ? clock_monotonic_ms() + time_limit_s * 1000u : 0,
	};
}

static double megabytes(uint64_t bytes)
{
	return (double)bytes / (1024 * 1024);
}

static void draw_state(const struct progress_layer *layer, struct buf *text)
{
	if (layer->cached)
		buf_puts(text, "already there");
	else if (layer->finished)
		buf_printf(text, "%.1f MB", megabytes(layer->done));
	else if (layer->total > 0)
		buf_printf(text, "%.1f/%.1f MB", megabytes(layer->done), megabytes(layer->total));
	else
		buf_printf(text, "%.1f MB", megabytes(layer->done));
}

void progress_draw_layer(const struct progress_layer *layer, size_t columns, struct buf *text)
{
	size_t width = columns > TEXT_COLUMNS ? MIN(columns - TEXT_COLUMNS, (size_t)BAR_MAX) : 0;
	size_t full = 0;

	buf_printf(text, "%-12s  ", *layer->name ? layer->name : "waiting");
	if (layer->finished)
		full = width;
	else if (layer->total > 0)
		full = (size_t)((double)width * (double)MIN(layer->done, layer->total) /
				(double)layer->total);
	if (width > 0)
		buf_putc(text, '[');
	for (size_t i = 0; i < width; i++)
		buf_putc(text, i < full ? '=' : i == full ? '>' : ' ');
	if (width > 0)
		buf_puts(text, "]  ");
	draw_state(layer, text);
}

/* The layers that are shown: all, or as many as fit, unfinished ones first. */
static void draw_layers(const struct progress *progress, const struct winsize *size,
			size_t *ret_lines, struct buf *text)
{
	size_t room = size->ws_row > 4 ? size->ws_row - 2u : 2, shown = 0, finished = 0;
	bool all = progress->count <= room;

	for (size_t i = 0; i < progress->count; i++) {
		const struct progress_layer *layer = &progress->layers[i];

		finished += layer->finished;
		if (!all && (layer->finished || shown == room))
			continue;
		progress_draw_layer(layer, size->ws_col, text);
		buf_puts(text, "\033[K\n");
		shown++;
	}
	if (!all) {
		buf_printf(text, "%zu of %zu layers\033[K\n", finished, progress->count);
		shown++;
	}
	*ret_lines = shown;
}

static void draw(struct progress *progress)
{
	struct buf text AUTO_BUF = BUF_INIT(SCREEN_BYTES);
	struct winsize size = {.ws_row = 24, .ws_col = 80};

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	if (progress->lines > 0)
		buf_printf(&text, "\r\033[%zuA", progress->lines);
	draw_layers(progress, &size, &progress->lines, &text);
	buf_puts(&text, "\033[J");
	fwrite(text.ptr, 1, text.len, stderr);
	fflush(stderr);
	progress->drawn_ms = clock_monotonic_ms();
}

static void print_line(const struct progress_layer *layer)
{
	struct buf text AUTO_BUF = BUF_INIT(SCREEN_BYTES);

	draw_state(layer, &text);
	fprintf(stderr, "%s: %s\n", layer->name, text.ptr);
}

static void make_room(struct progress *progress, size_t count)
{
	if (count <= progress->count)
		return;
	progress->layers = xreallocarray(progress->layers, count, sizeof(*progress->layers));
	memset(&progress->layers[progress->count], 0,
	       (count - progress->count) * sizeof(*progress->layers));
	progress->count = count;
}

bool progress_timed_out(const struct progress *progress)
{
	return progress->deadline_ms && clock_monotonic_ms() >= progress->deadline_ms;
}

bool progress_update(void *ctx, const struct pull_progress *update)
{
	struct progress *progress = ctx;
	const char *colon = update->digest ? strchr(update->digest, ':') : NULL;
	struct progress_layer *layer;
	bool was_finished;

	if (progress->style == PROGRESS_NONE || update->layer >= update->layer_count)
		return !progress_timed_out(progress);
	make_room(progress, update->layer_count);
	layer = &progress->layers[update->layer];
	was_finished = layer->finished;
	if (colon)
		snprintf(layer->name, sizeof(layer->name), "%.12s", colon + 1);
	layer->done = update->done;
	layer->total = update->total;
	layer->cached = update->cached;
	layer->finished = update->finished || update->cached;
	if (progress->style == PROGRESS_LINES && layer->finished && !was_finished)
		print_line(layer);
	if (progress->style == PROGRESS_BARS &&
	    clock_monotonic_ms() >= progress->drawn_ms + REDRAW_MS)
		draw(progress);
	return !progress_timed_out(progress);
}

void progress_done(struct progress *progress)
{
	if (progress->style == PROGRESS_BARS && progress->count > 0)
		draw(progress);
	free(progress->layers);
	progress->layers = NULL;
	progress->count = 0;
}
