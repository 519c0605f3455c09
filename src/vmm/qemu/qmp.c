// SPDX-License-Identifier: MIT
/*
 * The monitor of QEMU.  It is spoken to once: the hello is written before QEMU starts and lies in
 * the socket until it reads.  Events then gather in the socket (a few a boot; QEMU limits the rate
 * of those that a guest can provoke) and are read when QEMU has ended, to tell how.  QEMU may be
 * hostile by then: the text is bounded and parsed by jansson line by line, and what does not parse
 * or is not known is skipped.
 */
#include "vmm/qemu/qmp.h"

#include <jansson.h>
#include <sys/socket.h>

enum { QMP_TEXT_MAX = 256 * 1024 };

#define HELLO "{\"execute\":\"qmp_capabilities\"}\n"

const struct view qmp_hello = VIEW_LIT(HELLO);

static const struct {
	const char *reason, *phrase;
} endings[] = {
	{"guest-shutdown", "the guest powered off"},
	{"guest-reset", "the guest panicked or restarted"},
	{"guest-panic", "the guest panicked"},
	{"host-signal", "QEMU was asked to end by a signal"},
	{"host-error", "QEMU met an error of the host"},
};

/* The phrase of a SHUTDOWN event; NULL for any other line. */
static const char *phrase_of_line(const char *line, size_t len)
{
	json_t *object = json_loadb(line, len, 0, NULL);
	const char *event = NULL, *reason = NULL, *phrase = NULL;

	if (object &&
	    json_unpack(object, "{s:s, s:{s:s}}", "event", &event, "data", "reason", &reason) ==
		    0 &&
	    strcmp(event, "SHUTDOWN") == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
			if (strcmp(reason, endings[i].reason) == 0)
				phrase = endings[i].phrase;
		}
	}
	json_decref(object);
	return phrase;
}

const char *qmp_end_of_guest(int fd)
{
	AUTO_BUF struct buf text = BUF_INIT(QMP_TEXT_MAX);
	const char *phrase = NULL, *line, *end;
	char chunk[4096];
	ssize_t got;

	while ((got = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0 && !text.failed)
		buf_put(&text, chunk, (size_t)got);
	for (line = text.ptr; (end = strchr(line, '\n')); line = end + 1) {
		const char *found = phrase_of_line(line, (size_t)(end - line));

		phrase = found ? found : phrase;
	}
	return phrase;
}
