// SPDX-License-Identifier: MIT
/* Many connections at once, too many, and those that say nothing. */
#include "gateway/connections_fixture.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/limits.h"
#include "gateway/sockets_test.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 1000, FDS_EACH = 4, OTHER_FDS = 300, FEWEST = 16 };

static rlim_t allow_fds(rlim_t count)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = MIN(count, limit.rlim_max);
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	return limit.rlim_cur;
}

static size_t resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	size_t all = 0, resident = 0;

	CHECK(file && fscanf(file, "%zu %zu", &all, &resident) == 2);
	fclose(file);
	return resident * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void settle(struct bed *bed)
{
	for (int i = 0; i < 500 && bed->counters.open > 0; i++)
		run_ms(bed, 10);
	CHECK(bed->counters.open == 0);
}

static void test_many(void)
{
	size_t count =
		MIN((size_t)MANY, (allow_fds(MANY * FDS_EACH + OTHER_FDS) - OTHER_FDS) / FDS_EACH);
	AUTO_FREE int *guests = xcalloc(count, sizeof(int));
	AUTO_FREE int *servers = xcalloc(count, sizeof(int));
	size_t fds, memory;
	struct bed bed;

	TEST("a thousand connections at once, each its own");
	bed_open(&bed, &(struct bed_spec){0});
	fds = open_fds();
	memory = resident_kib();
	for (size_t i = 0; i < count; i++) {
		guests[i] = guest_to(&bed, "example.com", 22);
		servers[i] = accepted(&bed, bed.server_22);
		CHECK(servers[i] >= 0);
	}
	memory = resident_kib() - memory;
	CHECK(bed.counters.open == count && bed.counters.connections == count);
	for (size_t i = 0; i < count; i++) {
		char text[32];

		snprintf(text, sizeof(text), "number %zu", i);
		say_text(guests[i], text);
		CHECK_STR(told_all(&bed, servers[i], strlen(text)), text);
		say_text(servers[i], text);
		CHECK_STR(told_all(&bed, guests[i], strlen(text)), text);
	}
	for (size_t i = 0; i < count; i++) {
		close(guests[i]);
		close(servers[i]);
	}
	settle(&bed);
	CHECK(open_fds() == fds);
	bed_close(&bed);
	printf("# %zu connections took %zu bytes each\n", count, memory * 1024 / count);
}

static void test_limit(void)
{
	int guests[FEWEST + 3];
	struct bed bed;

	TEST("those over the limit are reset at once, with one line a second for all of them");
	allow_fds(200);
	bed_open(&bed, &(struct bed_spec){0});
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++)
		guests[i] = guest_to(&bed, "example.com", 22);
	for (size_t i = FEWEST; i < ARRAY_SIZE(guests); i++) {
		CHECK_STR(told(&bed, guests[i]), "reset");
		close(guests[i]);
	}
	CHECK(bed.counters.open == FEWEST);
	CHECK(strstr(audited(&bed),
		     "{\"what\":\"connect\",\"error\":\"connections refused: 1, with "
		     "16 open\"}\n"));
	run_ms(&bed, 1200);
	CHECK(strstr(audited(&bed),
		     "{\"what\":\"connect\",\"error\":\"connections refused: 2, with "
		     "16 open\"}\n"));
	CHECK(bed.counters.denied == 3);

	TEST("when one has ended there is room for another");
	close(guests[0]);
	for (int i = 0; i < 500 && bed.counters.open == FEWEST; i++) {
		int server = accept4(bed.server_22, NULL, NULL, SOCK_CLOEXEC);

		if (server >= 0)
			close(server);
		run_ms(&bed, 10);
	}
	guests[0] = guest_to(&bed, "example.com", 22);
	run_ms(&bed, 50);
	CHECK(bed.counters.denied == 3);
	for (size_t i = 0; i < FEWEST; i++)
		close(guests[i]);
	bed_close(&bed);
}

static void test_no_fds(void)
{
	size_t fds;
	int guest, late, server;
	struct bed bed;

	TEST("without a descriptor left connections are reset, and later accepted again");
	allow_fds(1024);
	bed_open(&bed, &(struct bed_spec){0});
	guest = guest_to(&bed, "example.com", 22);
	server = accepted(&bed, bed.server_22);
	late = guest_to(&bed, "example.com", 22);
	fds = open_fds();
	allow_fds(fds - 3); /* the listing itself took one, and names two that are none */
	CHECK_STR(told(&bed, late), "reset");
	allow_fds(1024);
	close(late);
	say_text(guest, "still there");
	CHECK_STR(told(&bed, server), "still there");
	close(guest);
	close(server);
	guest = guest_to(&bed, "example.com", 22);
	server = accepted(&bed, bed.server_22);
	CHECK(server >= 0);
	close(guest);
	close(server);
	settle(&bed);
	bed_close(&bed);
}

static void test_silent(void)
{
	int late[4], server, name, name_server;
	struct bed bed;

	TEST("who does not say in time what it is, is cut; who has nothing to say is not");
	bed_open(&bed, &(struct bed_spec){0});
	set_list(&bed, "example.com example.com:22");
	late[0] = guest_to(&bed, "example.com", 443);
	late[1] = guest_to(&bed, "example.com", 443);
	say(late[1], VIEW_LIT("\x16\x03\x01\x00"));
	late[2] = guest_to(&bed, "evil.com", 80);
	late[3] = guest_to(&bed, "example.com", 22);
	server = accepted(&bed, bed.server_22);
	say_text(late[3], "S");
	name = guest_to(&bed, "example.com", 22);
	name_server = accepted(&bed, bed.server_22);
	run_ms(&bed, LIMIT_FIRST_BYTES_MS - 2000);
	CHECK(bed.counters.open == 5);
	CHECK(!strstr(audited(&bed), "evil.com"));
	for (size_t i = 0; i < ARRAY_SIZE(late); i++) {
		CHECK_STR(told(&bed, late[i]), "reset");
		close(late[i]);
	}
	CHECK_STR(told(&bed, server), "reset");
	CHECK(strstr(audited(&bed), "\"host\":\"evil.com\",\"port\":80}\n"));
	CHECK(strstr(bed.told.ptr, "\"error\":\"it did not say in time what it is\"}\n"));
	say_text(name_server, "220 hello\r\n");
	CHECK_STR(told(&bed, name), "220 hello\r\n");
	close(server);
	close(name);
	close(name_server);
	settle(&bed);
	bed_close(&bed);
}

int main(void)
{
	TEST("a network of the test's own");
	if (!enter_namespace()) {
		SKIP("no user namespaces");
		return tap_done();
	}
	test_many();
	test_limit();
	test_no_fds();
	test_silent();
	return tap_done();
}
