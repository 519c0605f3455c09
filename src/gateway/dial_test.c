// SPDX-License-Identifier: MIT
/*
 * Dials on real sockets: several addresses of loopback, of which some refuse and some do not answer
 * (their queue is full).
 */
#include "gateway/dial.h"

#include "base/attr.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/limits.h"
#include "gateway/sockets_test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>

enum { LONG_MS = 25 * 1000, DEAD_QUEUE = 8 };

struct target {
	const struct ip *ips;
	size_t count;
	uint16_t port;
};

struct bed {
	uv_loop_t loop;
	uv_timer_t dog;
	unsigned called;
	int fd;
	struct ip ip;
	struct err why;
	uint64_t ms; /* from the call to the answer */
};

static void bed_init(struct bed *bed)
{
	*bed = (struct bed){.fd = -1};
	uv_loop_init(&bed->loop);
	uv_timer_init(&bed->loop, &bed->dog);
}

static void bed_done(struct bed *bed)
{
	uv_close((uv_handle_t *)&bed->dog, NULL);
	uv_run(&bed->loop, UV_RUN_DEFAULT);
	CHECK(uv_loop_close(&bed->loop) == 0);
	if (bed->fd >= 0)
		close(bed->fd);
}

static void on_done(void *ctx, int fd, const struct ip *ip, const struct err *why)
{
	struct bed *bed = ctx;

	bed->called++;
	bed->fd = fd;
	if (fd >= 0)
		bed->ip = *ip;
	else
		bed->why = *why;
	uv_stop(&bed->loop);
}

static void on_dog(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

static void run(struct bed *bed, uint64_t ms)
{
	uv_timer_start(&bed->dog, on_dog, ms, 0);
	uv_run(&bed->loop, UV_RUN_DEFAULT);
	uv_timer_stop(&bed->dog);
}

static struct dial *begin(struct bed *bed, const struct target *target)
{
	struct dial *dial;

	uv_update_time(&bed->loop);
	bed->called = 0;
	if (bed->fd >= 0)
		close(STEAL_FD(bed->fd));
	dial = dial_start(&bed->loop, target->ips, target->count, target->port, on_done, bed);
	CHECK(bed->called == 0);
	return dial;
}

static void dial_to(struct bed *bed, const struct target *target)
{
	uint64_t start = clock_monotonic_ms();

	begin(bed, target);
	run(bed, LONG_MS);
	bed->ms = clock_monotonic_ms() - start;
	CHECK(bed->called == 1);
}

/* An address that answers nobody: its queue is full. */
struct dead {
	int listener, queued[DEAD_QUEUE];
};

static struct dead dead_at(const char *address, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct dead dead = {.listener = listen_at(address, &port, 0)};

	inet_pton(AF_INET, address, &at.sin_addr);
	for (size_t i = 0; i < DEAD_QUEUE; i++) {
		dead.queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(dead.queued[i], (struct sockaddr *)&at, sizeof(at));
	}
	return dead;
}

static void dead_close(struct dead *dead)
{
	close(dead->listener);
	for (size_t i = 0; i < DEAD_QUEUE; i++)
		close(dead->queued[i]);
}

static void test_direct(void)
{
	static const char *const texts[] = {"127.0.0.1", NULL};
	socklen_t size = sizeof(int);
	struct target target = {0};
	int listener, no_delay = 0;
	struct ip ips[1];
	struct bed bed;

	TEST("a connection to an address: non-blocking, without delay, close-on-exec");
	listener = listen_at("127.0.0.1", &target.port, 8);
	target.ips = ips;
	target.count = ips_of(texts, ips);
	bed_init(&bed);
	dial_to(&bed, &target);
	CHECK(bed.fd >= 0 && ip_equals(&bed.ip, &ips[0]));
	getsockopt(bed.fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
	CHECK(no_delay == 1);
	CHECK(fcntl(bed.fd, F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(bed.fd, F_GETFD) & FD_CLOEXEC);

	TEST("no address at all");
	target.count = 0;
	dial_to(&bed, &target);
	CHECK(bed.fd < 0);
	CHECK(strstr(bed.why.msg, "of no address") != NULL);
	bed_done(&bed);
	close(listener);
}

static void test_order(void)
{
	static const char *const texts[] = {"127.0.0.1", "127.0.0.2", "::1",	   "127.0.0.3",
					    "127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.7",
					    "127.0.0.8", "127.0.0.9", NULL};
	struct target target = {0};
	struct ip ips[ARRAY_SIZE(texts)];
	char wanted[512];
	struct bed bed;

	TEST("all that refuse are named, families in turns, and not more than the limit are tried");
	close(listen_at("127.0.0.1", &target.port, 1)); /* nobody is there any more */
	target.ips = ips;
	target.count = ips_of(texts, ips);
	bed_init(&bed);
	dial_to(&bed, &target);
	CHECK(bed.fd < 0 && bed.why.code == ERR_IO && bed.why.sys == ECONNREFUSED);
	snprintf(wanted, sizeof(wanted),
		 "connect to port %u of 127.0.0.1 (Connection refused), ::1 (Connection refused), "
		 "127.0.0.2 (Connection refused), 127.0.0.3 (Connection refused), "
		 "127.0.0.4 (Connection refused), 127.0.0.5 (Connection refused), "
		 "127.0.0.6 (Connection refused), 127.0.0.7 (Connection refused)",
		 target.port);
	CHECK_STR(bed.why.msg, wanted);
	CHECK(bed.ms < 200);
	bed_done(&bed);
}

static void test_no_descriptor(void)
{
	static const char *const texts[] = {"127.0.0.1", "::1", NULL};
	struct target target = {.port = 9};
	struct ip ips[ARRAY_SIZE(texts)];
	struct rlimit before, few;
	struct bed bed;
	int next;

	TEST("without a descriptor it fails, and says so");
	target.ips = ips;
	target.count = ips_of(texts, ips);
	bed_init(&bed);
	run(&bed, 1); /* the loop has all that it needs */
	next = dup(STDIN_FILENO);
	close(next);
	getrlimit(RLIMIT_NOFILE, &before);
	few = (struct rlimit){(rlim_t)next, before.rlim_max};
	setrlimit(RLIMIT_NOFILE, &few);
	dial_to(&bed, &target);
	setrlimit(RLIMIT_NOFILE, &before);
	CHECK(bed.fd < 0 && bed.why.sys == EMFILE);
	CHECK_STR(bed.why.msg, "connect to port 9 of 127.0.0.1 (Too many open files), "
			       "::1 (Too many open files)");
	bed_done(&bed);
}

static void test_dead_first(const char *alive)
{
	const char *const texts[] = {"127.0.0.2", alive, NULL};
	struct target target = {0};
	struct ip ips[ARRAY_SIZE(texts)];
	struct dead dead;
	struct bed bed;
	int listener = listen_at(alive, &target.port, 8);

	if (listener < 0) {
		SKIP("this machine has no IPv6");
		return;
	}
	dead = dead_at("127.0.0.2", target.port);
	target.ips = ips;
	target.count = ips_of(texts, ips);
	bed_init(&bed);
	dial_to(&bed, &target);
	printf("# after %u ms\n", (unsigned)bed.ms);
	CHECK(bed.fd >= 0 && ip_equals(&bed.ip, &ips[1]));
	CHECK(bed.ms >= 240 && bed.ms < 1500);
	bed_done(&bed);
	dead_close(&dead);
	close(listener);
}

static void test_refused_first(void)
{
	static const char *const texts[] = {"127.0.0.2", "127.0.0.1", NULL};
	struct target target = {0};
	struct ip ips[ARRAY_SIZE(texts)];
	struct bed bed;
	int listener = listen_at("127.0.0.1", &target.port, 8);

	TEST("after an address that refuses, the next one is tried at once");
	target.ips = ips;
	target.count = ips_of(texts, ips);
	bed_init(&bed);
	dial_to(&bed, &target);
	CHECK(bed.fd >= 0 && ip_equals(&bed.ip, &ips[1]));
	CHECK(bed.ms < 200);
	bed_done(&bed);
	close(listener);
}

static void test_all_dead(void)
{
	static const char *const texts[] = {"127.0.0.2", "127.0.0.3", NULL};
	struct target target = {0};
	struct ip ips[ARRAY_SIZE(texts)];
	struct dead first, second;
	char wanted[256];
	struct bed bed;

	TEST("addresses that do not answer are given up in bounded time");
	close(listen_at("127.0.0.2", &target.port, 1));
	first = dead_at("127.0.0.2", target.port);
	second = dead_at("127.0.0.3", target.port);
	target.ips = ips;
	target.count = ips_of(texts, ips);
	bed_init(&bed);
	dial_to(&bed, &target);
	snprintf(wanted, sizeof(wanted),
		 "connect to port %u of 127.0.0.2 (Connection timed out), "
		 "127.0.0.3 (Connection timed out)",
		 target.port);
	CHECK_STR(bed.why.msg, wanted);
	CHECK(bed.why.code == ERR_TIMEOUT);
	CHECK(bed.ms >= LIMIT_DIAL_ADDRESS_MS && bed.ms < LIMIT_DIAL_ADDRESS_MS + 3000);
	bed_done(&bed);
	dead_close(&first);
	dead_close(&second);
}

static void test_cancel(void)
{
	static const char *const texts[] = {"127.0.0.2", "127.0.0.1", NULL};
	struct target target = {0};
	size_t before = open_fds();
	struct ip ips[ARRAY_SIZE(texts)];
	struct dead dead;
	struct bed bed;
	uint16_t port = 0;
	int listener;

	TEST("a dial that is cancelled at any moment says nothing and leaves nothing");
	listener = listen_at("127.0.0.1", &port, 1024);
	dead = dead_at("127.0.0.2", port);
	target.ips = ips;
	target.count = ips_of(texts, ips);
	target.port = port;
	bed_init(&bed);
	for (uint64_t ms = 0; ms < 240; ms += 20) {
		struct dial *dial = begin(&bed, &target);

		if (ms > 0)
			run(&bed, ms);
		if (bed.called > 0) /* on a busy machine */
			continue;
		dial_cancel(dial);
		run(&bed, 5);
		CHECK(bed.called == 0);
	}
	for (int i = 0; i < 500; i++) { /* the second address first, now */
		target.ips = ips + 1;
		target.count = 1;
		dial_to(&bed, &target);
	}
	bed_done(&bed);
	dead_close(&dead);
	close(listener);
	CHECK(open_fds() == before);
}

int main(void)
{
	test_direct();
	test_order();
	test_no_descriptor();
	TEST("an address that does not answer costs a quarter of a second");
	test_dead_first("127.0.0.1");
	TEST("so it does when the other one is of IPv6");
	test_dead_first("::1");
	test_refused_first();
	test_all_dead();
	test_cancel();
	return tap_done();
}
