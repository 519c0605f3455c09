// SPDX-License-Identifier: MIT
/*
 * Raw mode: see terminal.h.  The saved settings are the one global of the program: exit handlers
 * and signal handlers take no argument.
 */
#include "cli/terminal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

static struct {
	struct termios settings;
	int fd;
	volatile bool raw;
} saved;

void terminal_restore(void)
{
	if (!saved.raw)
		return;
	saved.raw = false;
	tcsetattr(saved.fd, TCSADRAIN, &saved.settings);
}

int terminal_raw(int fd, struct err *err)
{
	struct termios raw;

	if (tcgetattr(fd, &saved.settings) < 0)
		return err_sys(err, errno, "read terminal settings");
	raw = saved.settings;
	cfmakeraw(&raw);
	saved.fd = fd;
	if (tcsetattr(fd, TCSADRAIN, &raw) < 0)
		return err_sys(err, errno, "set terminal to raw mode");
	saved.raw = true;
	if (atexit(terminal_restore) != 0) {
		terminal_restore();
		return err_set(err, ERR_INTERNAL, "register the terminal's restoring");
	}
	return 0;
}

struct agent_size terminal_size(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
		return (struct agent_size){24, 80};
	return (struct agent_size){size.ws_row, size.ws_col};
}
