// SPDX-License-Identifier: MIT
/*
 * The program.  Makes sure of what every command takes for granted: that descriptors 0, 1 and 2 are
 * open, so that no file of ours can become somebody's output, and that a reader who goes away is an
 * error to handle and not a signal (whoever starts other programs gives SIGPIPE back to them).
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "crypto/digest.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void open_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		/* The lowest free number is given: `fd`, since those below are open.  For reading
		 * only: input is empty, and output fails as it does in any program whose output is
		 * closed. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			exit(EXIT_FAILURE);
	}
}

int main(int argc, char **argv)
{
	open_standard_descriptors();
	signal(SIGPIPE, SIG_IGN);
	digest_alone();
	return cli_main(&matchlock_command, argc, argv);
}
