// SPDX-License-Identifier: MIT
/*
 * The monitor of QEMU.  It is spoken to once or twice: the hello is written before QEMU starts and
 * lies in the socket until it reads, so that no round trip delays a restore; a save has a
 * conversation of its own.  Events gather in the socket (a few a boot; QEMU limits the rate of
 * those that a guest can provoke) and are read when QEMU has ended, to tell how, or skipped by a
 * save. QEMU may be hostile by then: the text is bounded and parsed by jansson line by line, and
 * what does not parse or is not known is skipped.
 */
#include "vmm/qemu/qmp.h"

#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <sys/socket.h>

enum { QMP_TEXT_MAX = 256 * 1024, QMP_REQUEST_MAX = 1024 };

/* No byte too many: QEMU reads the monitor byte by byte, 7 system calls each. */
#define HELLO		 "{\"execute\":\"qmp_capabilities\"}"
#define CAPABILITY(name) "{\"capability\":\"" name "\",\"state\":true}"
#define CAPABILITIES(list) \
	"{\"execute\":\"migrate-set-capabilities\",\"arguments\":{\"capabilities\":[" list "]}}"

/* RAM that is in a file stays there. */
#define RAM_STAYS "x-ignore-shared"

/* The bandwidth is "no limit".  The last one has an id, since only what is said after its answer is
 * about this save. */
#define SAVE                                                                                       \
	"{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"state\"}}" CAPABILITIES(               \
		CAPABILITY(RAM_STAYS) "," CAPABILITY(                                              \
			"events")) "{\"execute\":\"migrate-set-parameters\",\"arguments\":"        \
				   "{\"max-bandwidth\":1099511627776}}"                            \
				   "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"fd:state\"}" \
				   ",\"id\":\"save\"}"

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

int qmp_hello(int fd, int state_fd, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(QMP_REQUEST_MAX);

	buf_printf(&text, HELLO);
	if (state_fd >= 0)
		buf_printf(&text,
			   CAPABILITIES(CAPABILITY(RAM_STAYS)) "{\"execute\":\"migrate-incoming\","
							       "\"arguments\":{\"uri\":\"fd:%d\"}}",
			   state_fd);
	return fd_write_all(fd, text.ptr, text.len, "QEMU's monitor", err);
}

int qmp_quit(int fd, struct err *err)
{
	static const char text[] = "{\"execute\":\"quit\"}";

	return fd_write_all(fd, text, sizeof(text) - 1, "QEMU's monitor", err);
}

enum progress { SAVE_ASKED, SAVE_BEGUN, SAVE_DONE };

/* Takes one line of the monitor.  An error of any command before the last shows in the last. */
static int follow_save(const char *line, size_t len, enum progress *progress, struct err *err)
{
	json_t *object = json_loadb(line, len, 0, NULL);
	const char *id = "", *event = "", *status = "", *text = NULL;
	int rc = 0;

	json_unpack(object, "{s?s, s?s, s?{s?s}, s?{s?s}}", "id", &id, "event", &event, "data",
		    "status", &status, "error", "desc", &text);
	if (strcmp(id, "save") == 0 && text)
		rc = err_set(err, ERR_IO, "QEMU cannot save the VM: %s", text);
	else if (strcmp(id, "save") == 0)
		*progress = SAVE_BEGUN;
	else if (*progress == SAVE_BEGUN && strcmp(event, "MIGRATION") == 0) {
		if (strcmp(status, "completed") == 0)
			*progress = SAVE_DONE;
		if (strcmp(status, "failed") == 0)
			rc = err_set(err, ERR_IO, "QEMU failed to save the VM");
	}
	json_decref(object);
	return rc;
}

/* Appends what the monitor says next. */
static int hear(int fd, struct buf *text, uint64_t deadline_ms, struct err *err)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	uint64_t now = clock_monotonic_ms();
	char chunk[4096];
	ssize_t got;

	if (poll(&ready, 1, deadline_ms > now ? (int)(deadline_ms - now) : 0) == 0)
		return err_set(err, ERR_TIMEOUT, "QEMU did not save the VM in time");
	got = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (got == 0)
		return err_set(err, ERR_IO, "QEMU ended while it saved the VM");
	if (got < 0 && errno != EAGAIN && errno != EINTR)
		return err_sys(err, errno, "read QEMU's monitor");
	buf_put(text, chunk, (size_t)MAX(got, 0));
	return buf_check(text, "QEMU's monitor", err);
}

int qmp_save(int fd, int state_fd, uint64_t deadline_ms, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(QMP_TEXT_MAX);
	enum progress progress = SAVE_ASKED;
	size_t done = 0;

	if (fd_send(fd, SAVE, sizeof(SAVE) - 1, &state_fd, 1, err) < 0)
		return err_wrap(err, "QEMU's monitor");
	while (progress != SAVE_DONE) {
		const char *end;

		if (hear(fd, &text, deadline_ms, err) < 0)
			return -1;
		while (progress != SAVE_DONE &&
		       (end = memchr(text.ptr + done, '\n', text.len - done))) {
			size_t at = done;

			done = (size_t)(end - text.ptr) + 1;
			if (follow_save(text.ptr + at, done - at, &progress, err) < 0)
				return -1;
		}
	}
	return 0;
}
