// SPDX-License-Identifier: MIT
/*
 * The whole terminal: see screen.h.  Each drawing is one write that overwrites line by line, so
 * that nothing flickers and nothing scrolls.
 */
#include "cli/screen.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/fd.h"
#include "cli/terminal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DRAWING_BYTES = 1024 * 1024 };

/* Alternate screen, no cursor, no line wrap; and back. */
static const char enter[] = "\033[?1049h\033[?25l\033[?7l";
static const char leave[] = "\033[?7h\033[?25h\033[?1049l";

bool screen_possible(void)
{
	const char *type = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && type && *type &&
	       strcmp(type, "dumb") != 0;
}

int screen_open(struct err *err)
{
	if (terminal_raw(STDIN_FILENO, err) < 0)
		return -1;
	return fd_write_all(STDOUT_FILENO, enter, strlen(enter), "terminal", err);
}

/* The line at `text`, cut to `width` characters of one byte each.  What was there is erased before:
 * a cursor behind a full line stands on its last character. */
static void draw_line(struct buf *drawing, const char *text, size_t width)
{
	buf_puts(drawing, "\033[K");
	buf_put(drawing, text, MIN(strcspn(text, "\n"), width));
}

int screen_draw(const char *text, struct err *err)
{
	AUTO_BUF struct buf drawing = BUF_INIT(DRAWING_BYTES);
	struct agent_size size = terminal_size(STDOUT_FILENO);
	size_t lines = 0, room;

	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	room = lines > size.rows ? size.rows - 1u : lines;
	buf_puts(&drawing, "\033[H");
	for (size_t i = 0; i < room; i++) {
		buf_puts(&drawing, i > 0 ? "\r\n" : "");
		draw_line(&drawing, text, size.cols);
		text = strchr(text, '\n') + 1;
	}
	if (room < lines)
		buf_printf(&drawing, "\r\n\033[K... and %zu more", lines - room);
	if (lines < size.rows)
		buf_puts(&drawing, "\r\n\033[J");
	if (buf_check(&drawing, "drawing", err) < 0)
		return -1;
	return fd_write_all(STDOUT_FILENO, drawing.ptr, drawing.len, "terminal", err);
}

void screen_close(void)
{
	struct err gone; /* the terminal is, or the user sees it */

	fd_write_all(STDOUT_FILENO, leave, strlen(leave), "terminal", &gone);
	terminal_restore();
}

int screen_suspend(struct err *err)
{
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	screen_close();
	/* By the kernel's rules: one whom nobody could continue is not stopped. */
	kill(0, SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &stop, NULL);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	return screen_open(err);
}
