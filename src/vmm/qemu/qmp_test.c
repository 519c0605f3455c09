// SPDX-License-Identifier: MIT
#include "vmm/qemu/qmp.h"

#include "base/fd.h"
#include "base/tap.h"

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

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n{\"return\": {}}\r\n"
#define SHUTDOWN(reason)                                                                   \
	"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"SHUTDOWN\", " \
	"\"data\": {\"guest\": true, \"reason\": \"" reason "\"}}\r\n"

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
	return tap_done();
}
