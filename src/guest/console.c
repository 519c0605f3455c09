// SPDX-License-Identifier: MIT
/*
 * Messages of last resort: see console.h.  The console is opened for each line, since a driver for
 * it may come with a module.  The line in the kernel's log is below the console's level, so that it
 * is not printed twice, but where there is no console it is sent as an emergency.
 *
 * The VM ends by a reset: the VMM runs with -no-reboot, and a reset needs no ACPI.
 */
#include "guest/console.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

static void write_line(const char *prefix, const char *text)
{
	int console = open("/dev/console", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	int kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (console >= 0) {
		dprintf(console, "matchlock: %s%s\r\n", prefix, text);
		close(console);
	}
	if (kmsg >= 0) {
		dprintf(kmsg, "<%d>matchlock: %s%s", console >= 0 ? 6 : 0, prefix, text);
		close(kmsg);
	}
}

static void ML_PRINTF(2, 0) write_args(const char *prefix, const char *fmt, va_list args)
{
	char text[900];

	vsnprintf(text, sizeof(text), fmt, args);
	write_line(prefix, text);
}

void console_log(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	write_args("", fmt, args);
	va_end(args);
}

void console_reset(void)
{
	reboot(RB_AUTOBOOT);
	for (;;)
		pause(); /* not reached by PID 1: the kernel resets inside the call */
}

void console_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	write_args("FATAL: ", fmt, args);
	va_end(args);
	console_reset();
}
