// SPDX-License-Identifier: MIT
/*
 * `matchlock stats`, alias `top`: what sandboxes take of the host.
 *
 * Happy path: CPU is what was used between two samples.  One shot takes two, half a second apart,
 * and prints the second.  On a terminal, and with --stream, a sample is taken every second; the
 * screen is drawn anew also when its size changes, with the sample that is there. Failure modes: an
 * unknown id is an error at the start.  A sandbox that is removed later is left out; the last of
 * those that were named ends the command.  Signals are read from a descriptor, so every way out
 * gives the terminal back.
 */
#include "cli/cmd_stats.h"

#include "base/auto.h"
#include "base/clock.h"
#include "base/strv.h"
#include "cli/cmd_stats_show.h"
#include "cli/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { ONE_SHOT_MS = 500, INTERVAL_MS = 1000 };
enum { CTRL_C = 3, CTRL_Z = 26 };

const struct cli_option stats_flags[] = {
	{
		.name = "no-stream",
		.help = "print a table once, also on a terminal",
		.type = &cli_bool,
		.offset = offsetof(struct stats_options, no_stream),
	},
	{
		.name = "stream",
		.help = "go on, once a second, also without a terminal",
		.type = &cli_bool,
		.offset = offsetof(struct stats_options, stream),
	},
	{
		.name = "json",
		.help = "print JSON, one line: sizes in bytes, uptime in seconds",
		.type = &cli_bool,
		.offset = offsetof(struct stats_options, json),
	},
	{0},
};

enum event { EVENT_TICK, EVENT_RESIZED, EVENT_SUSPEND, EVENT_CONTINUED, EVENT_END };

struct view {
	struct sandboxes sandboxes;
	char **ids; /* NULL: all that run */
	struct stats_sample sample;
	bool json, drawn;
	int signals; /* signalfd */
};

static void view_done(struct view *view)
{
	if (view->drawn)
		screen_close();
	auto_close_(&view->signals);
	stats_sample_done(&view->sample);
	strv_free(view->ids);
	sandboxes_done(&view->sandboxes);
}

static int find_ids(struct view *view, char *const *words, struct err *err)
{
	for (size_t i = 0; words[i]; i++) {
		AUTO(sandbox_row_done) struct sandbox_row row = {0};

		if (state_get(view->sandboxes.state, words[i], &row, err) < 0)
			return -1;
		strv_add(&view->ids, row.id);
	}
	return 0;
}

static int take(struct view *view, struct err *err)
{
	return stats_sample_take(&view->sample, &view->sandboxes, view->ids, err);
}

static void print(const struct view *view)
{
	if (view->json)
		stats_show_json(&view->sample);
	else
		stats_show_table(&view->sample, stdout);
}

static int draw(struct view *view, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t size, count = view->sample.count;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return err_sys(err, errno, "draw the table");
	stats_sample_sort(&view->sample);
	fprintf(out, "%zu sandbox%s, q ends\n\n", count, count == 1 ? "" : "es");
	stats_show_table(&view->sample, out);
	fclose(out);
	return screen_draw(text, err);
}

static enum event read_keys(void)
{
	char keys[64];
	ssize_t got = read(STDIN_FILENO, keys, sizeof(keys));

	for (ssize_t i = 0; i < got; i++) {
		if (keys[i] == 'q' || keys[i] == 'Q' || keys[i] == CTRL_C)
			return EVENT_END;
		if (keys[i] == CTRL_Z)
			return EVENT_SUSPEND;
	}
	return got > 0 ? EVENT_RESIZED : EVENT_END;
}

static enum event read_signal(int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return EVENT_END;
	switch (info.ssi_signo) {
	case SIGWINCH:
		return EVENT_RESIZED;
	case SIGTSTP:
		return EVENT_SUSPEND;
	case SIGCONT:
		return EVENT_CONTINUED;
	default:
		return EVENT_END;
	}
}

/* What happens first, until `tick_ms` on the monotonic clock. */
static enum event await(const struct view *view, uint64_t tick_ms)
{
	uint64_t now = clock_monotonic_ms();
	struct pollfd events[] = {
		{.fd = view->signals, .events = POLLIN},
		{.fd = view->drawn ? STDIN_FILENO : -1, .events = POLLIN},
	};

	if (poll(events, ARRAY_SIZE(events), tick_ms > now ? (int)(tick_ms - now) : 0) < 0)
		return EVENT_RESIZED;
	if (events[0].revents)
		return read_signal(view->signals);
	return events[1].revents ? read_keys() : EVENT_TICK;
}

/* Signals that would end or stop us without giving the terminal back. */
static int catch_signals(struct view *view, bool terminal, struct err *err)
{
	static const int always[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	static const int drawn[] = {SIGWINCH, SIGTSTP, SIGCONT};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		sigaddset(&set, always[i]);
	for (size_t i = 0; terminal && i < ARRAY_SIZE(drawn); i++)
		sigaddset(&set, drawn[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	view->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return view->signals < 0 ? err_sys(err, errno, "watch for signals") : 0;
}

static int handle(struct view *view, enum event event, struct err *err)
{
	switch (event) {
	case EVENT_TICK:
		return take(view, err);
	case EVENT_SUSPEND:
		return screen_suspend(err);
	case EVENT_CONTINUED: /* from a stop that could not be noticed */
		screen_close();
		return screen_open(err);
	default:
		return 0;
	}
}

/* Shows samples until the user or the last of the named sandboxes has ended, or nobody reads. */
static int follow(struct view *view, struct err *err)
{
	enum event event = EVENT_RESIZED;
	uint64_t tick_ms = clock_monotonic_ms() + INTERVAL_MS;

	while (event != EVENT_END && !ferror(stdout)) {
		if (view->drawn && draw(view, err) < 0)
			return -1;
		event = await(view, tick_ms);
		if (handle(view, event, err) < 0)
			return -1;
		if (event != EVENT_TICK)
			continue;
		if (view->ids && view->sample.count == 0)
			return 0;
		if (!view->drawn)
			print(view);
		fflush(stdout);
		tick_ms = clock_monotonic_ms() + INTERVAL_MS;
	}
	return 0;
}

static int show_once(struct view *view, struct err *err)
{
	poll(NULL, 0, ONE_SHOT_MS);
	if (take(view, err) < 0)
		return -1;
	print(view);
	return 0;
}

int cmd_stats(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	const struct stats_options *options = cli->options;
	bool terminal = screen_possible() && !options->json && !options->no_stream;
	AUTO(view_done) struct view view = {.json = options->json, .signals = -1};

	if (options->stream && options->no_stream)
		return err_set(err, ERR_INVALID, "--stream and --no-stream exclude each other");
	if (sandboxes_open(&view.sandboxes, err) < 0 || find_ids(&view, argv, err) < 0 ||
	    take(&view, err) < 0)
		return -1;
	if (!terminal && !options->stream)
		return show_once(&view, err);
	if (catch_signals(&view, terminal, err) < 0 || (terminal && screen_open(err) < 0))
		return -1;
	view.drawn = terminal;
	return follow(&view, err);
}
