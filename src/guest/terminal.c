// SPDX-License-Identifier: MIT
/* Terminals: see terminal.h.  They come from the container's own instance of devpts, so that its
 * programs find them by name. */
#include "guest/terminal.h"

#include "base/auto.h"
#include "guest/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

void terminal_resize(int master, uint16_t rows, uint16_t cols)
{
	struct winsize size = {.ws_row = rows, .ws_col = cols};

	if (rows > 0 && cols > 0)
		ioctl(master, TIOCSWINSZ, &size);
}

int terminal_open(uint16_t rows, uint16_t cols, int *ret_master, int *ret_number, struct err *err)
{
	AUTO_FD int master = open(GUEST_PTS "/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	int unlocked = 0;

	if (master < 0)
		return err_sys(err, errno, "open a terminal");
	if (ioctl(master, TIOCSPTLCK, &unlocked) < 0 || ioctl(master, TIOCGPTN, ret_number) < 0)
		return err_sys(err, errno, "unlock a terminal");
	terminal_resize(master, rows, cols);
	*ret_master = STEAL_FD(master);
	return 0;
}
