// SPDX-License-Identifier: MIT
#include "vmm/qemu/qmp.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/tap.h"

#include <sys/socket.h>
#include <unistd.h>

/* What the phrase is after QEMU has said `text`. */
static const char *phrase_after(const char *text, size_t len)
{
	const char *phrase;
	struct err err;
	int pair[2];

	CHECK(fd_socketpair(pair, &err) == 0);
	CHECK(fd_write_all(pair[1], text, len, "socket", &err) == 0);
	phrase = qmp_end_of_guest(pair[0]);
	close(pair[0]);
	close(pair[1]);
	return phrase;
}

#define AFTER(text) phrase_after((text), sizeof(text) - 1)

/* What a save says when QEMU answers `text` to it and ends. */
static int save_after(const char *text, struct err *err)
{
	struct err ignored;
	int pair[2], rc;

	*err = (struct err){0};
	CHECK(fd_socketpair(pair, &ignored) == 0);
	CHECK(fd_write_all(pair[1], text, strlen(text), "socket", &ignored) == 0);
	shutdown(pair[1], SHUT_WR);
	rc = qmp_save(pair[0], STDIN_FILENO, clock_monotonic_ms() + 10000, err);
	close(pair[0]);
	close(pair[1]);
	return rc;
}

/* QEMU's end of the socket after qmp_save() into an answer of "completed": text and descriptor. */
static void check_request(void)
{
	char bytes[2048];
	struct err err;
	int pair[2], fd = -1;
	size_t count = 0;
	ssize_t got;

	TEST("a save gives QEMU the descriptor with the first word");
	CHECK(fd_socketpair(pair, &err) == 0);
	CHECK(qmp_save(pair[0], STDIN_FILENO, clock_monotonic_ms() + 50, &err) < 0);
	CHECK(err.code == ERR_TIMEOUT);
	got = fd_recv(pair[1], bytes, sizeof(bytes) - 1, &fd, 1, &count, &err);
	CHECK(got > 0 && count == 1 && fd >= 0);
	bytes[MAX(got, 0)] = '\0';
	CHECK(strncmp(bytes, "{\"execute\":\"getfd\"", 18) == 0);
	CHECK(strstr(bytes, "\"uri\":\"fd:state\""));
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n{\"return\": {}}\r\n"
#define SHUTDOWN(reason)                                                                   \
	"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"SHUTDOWN\", " \
	"\"data\": {\"guest\": true, \"reason\": \"" reason "\"}}\r\n"

#define MIGRATION(status)                                                                   \
	"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"MIGRATION\", " \
	"\"data\": {\"status\": \"" status "\"}}\r\n"
#define BEGUN "{\"return\": {}, \"id\": \"save\"}\r\n"

static void check_save(void)
{
	struct err err;

	TEST("a save is done when QEMU says so after it has begun, and not by an earlier word");
	CHECK(save_after(GREETING BEGUN MIGRATION("active") MIGRATION("completed"), &err) == 0);
	CHECK(save_after(GREETING MIGRATION("completed") BEGUN, &err) < 0);
	CHECK_STR(err.msg, "QEMU ended while it saved the VM");

	TEST("a save that fails says why");
	CHECK(save_after(GREETING BEGUN MIGRATION("failed"), &err) < 0);
	CHECK_STR(err.msg, "QEMU failed to save the VM");
	CHECK(save_after("{\"id\": \"save\", \"error\": {\"class\": \"GenericError\", \"desc\": "
			 "\"no\"}}\r\n",
			 &err) < 0);
	CHECK_STR(err.msg, "QEMU cannot save the VM: no");
	CHECK(save_after("[]\n{\"id\": 7}\n{\"error\": []}\nnull\n\n", &err) < 0);
}

int main(void)
{
	static char flood[100 * 1024];

	TEST("the reason of a shutdown in words");
	CHECK_STR(AFTER(GREETING SHUTDOWN("guest-shutdown")), "the guest powered off");
	CHECK_STR(AFTER(GREETING SHUTDOWN("guest-reset")), "the guest panicked or restarted");

	TEST("silence, other events and unknown reasons say nothing");
	CHECK(AFTER("") == NULL);
	CHECK(AFTER(GREETING) == NULL);
	CHECK(AFTER(GREETING "{\"event\": \"RTC_CHANGE\", \"data\": {\"offset\": 1}}\r\n") == NULL);
	CHECK(AFTER(GREETING SHUTDOWN("to spite you")) == NULL);

	TEST("malformed lines are skipped");
	CHECK_STR(AFTER("{\"event\":\n[[[[\nnull\n\"SHUTDOWN\"\n{\"event\": 7, \"data\": []}\n"
			"{\"event\": \"SHUTDOWN\"}\n{\"event\": \"SHUTDOWN\", \"data\": "
			"{}}\n" SHUTDOWN("host-error")),
		  "QEMU met an error of the host");
	CHECK(AFTER("{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"guest-reset\"}}") == NULL);
	memset(flood, '[', sizeof(flood));
	CHECK(phrase_after(flood, sizeof(flood)) == NULL);
	flood[sizeof(flood) - 1] = '\n';
	CHECK(phrase_after(flood, sizeof(flood)) == NULL);
	memset(flood, 0, sizeof(flood));
	CHECK(phrase_after(flood, sizeof(flood)) == NULL);
	check_save();
	check_request();
	return tap_done();
}
