// SPDX-License-Identifier: MIT
/* Tunnels on real sockets: the guest and the server are ends of TCP connections over loopback. */
#include "gateway/tunnel.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/limits.h"
#include "gateway/pipe_pool.h"
#include "gateway/sockets_test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

enum { BULK = 1 << 30, LESS = 1 << 27, PIECE = 1 << 16, LONG_MS = 60 * 1000 };

struct bed {
	uv_loop_t loop;
	uv_timer_t dog;
	struct pipe_pool *pipes;
	struct counters counters;
	struct tunnel *tunnel;
	int guest, server; /* the ends that a guest and a server have */
	struct tunnel_result result;
	unsigned ended;
	/* an inspection */
	const char *pass_at, *stop_at; /* what the guest's bytes have to be for a verdict */
	unsigned asked;
};

/* ---- the ends ---- */

static void tcp_pair(int *ret_client, int *ret_accepted, int buffer)
{
	uint16_t port = 0;
	AUTO_FD int listener = listen_at("127.0.0.1", &port, 1);
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};

	*ret_client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (buffer > 0) { /* inherited by what is accepted */
		setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
		setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
		setsockopt(*ret_client, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
		setsockopt(*ret_client, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	}
	if (connect(*ret_client, (struct sockaddr *)&at, sizeof(at)) < 0)
		abort();
	*ret_accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (*ret_accepted < 0)
		abort();
}

static void put(int fd, const char *text)
{
	CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static bool readable(int fd, int timeout_ms)
{
	struct pollfd ready = {fd, POLLIN, 0};

	return poll(&ready, 1, timeout_ms) > 0;
}

static void reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

/* Bytes that are the same on both ends and never repeat. */
static void fill(uint64_t *words, size_t count, uint64_t *state)
{
	for (size_t i = 0; i < count; i++) {
		*state ^= *state << 13;
		*state ^= *state >> 7;
		*state ^= *state << 17;
		words[i] = *state;
	}
}

struct flow {
	int fd;
	size_t size;
	uint64_t seed;
	bool good;
	pthread_t thread;
};

static void *write_flow(void *arg)
{
	struct flow *flow = arg;
	uint64_t piece[PIECE / sizeof(uint64_t)], state = flow->seed;

	flow->good = true;
	for (size_t done = 0; done < flow->size && flow->good; done += PIECE) {
		fill(piece, ARRAY_SIZE(piece), &state);
		flow->good = send(flow->fd, piece, PIECE, MSG_NOSIGNAL) == PIECE;
	}
	shutdown(flow->fd, SHUT_WR);
	return NULL;
}

static void *read_flow(void *arg)
{
	struct flow *flow = arg;
	uint64_t piece[PIECE / sizeof(uint64_t)], wanted[ARRAY_SIZE(piece)], state = flow->seed;

	flow->good = true;
	for (size_t done = 0; done < flow->size && flow->good; done += PIECE) {
		fill(wanted, ARRAY_SIZE(wanted), &state);
		flow->good = recv(flow->fd, piece, PIECE, MSG_WAITALL) == PIECE &&
			     memcmp(piece, wanted, PIECE) == 0;
	}
	flow->good &= recv(flow->fd, piece, 1, 0) == 0;
	return NULL;
}

/* ---- the bed ---- */

static void on_ended(void *ctx, const struct tunnel_result *result)
{
	struct bed *bed = ctx;

	bed->result = *result;
	bed->ended++;
	tunnel_close(STEAL(bed->tunnel));
	uv_stop(&bed->loop);
}

static enum tunnel_verdict on_inspect(void *ctx, struct view bytes)
{
	struct bed *bed = ctx;

	bed->asked++;
	if (bed->pass_at && view_equals(bytes, bed->pass_at)) {
		uv_stop(&bed->loop);
		return TUNNEL_PASS;
	}
	if (bed->stop_at && view_equals(bytes, bed->stop_at)) {
		uv_stop(&bed->loop);
		return TUNNEL_STOP;
	}
	return TUNNEL_MORE;
}

static void on_dog(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

/* Runs until it ends, a verdict is said, or for so long. */
static void run(struct bed *bed, uint64_t ms)
{
	uv_timer_start(&bed->dog, on_dog, ms, 0);
	uv_run(&bed->loop, UV_RUN_DEFAULT);
	uv_timer_stop(&bed->dog);
}

static void bed_init(struct bed *bed)
{
	*bed = (struct bed){.guest = -1, .server = -1};
	uv_loop_init(&bed->loop);
	uv_timer_init(&bed->loop, &bed->dog);
	bed->pipes = pipe_pool_new();
}

static void bed_done(struct bed *bed)
{
	tunnel_close(bed->tunnel);
	uv_close((uv_handle_t *)&bed->dog, NULL);
	uv_run(&bed->loop, UV_RUN_DEFAULT);
	CHECK(uv_loop_close(&bed->loop) == 0);
	pipe_pool_free(bed->pipes);
	if (bed->guest >= 0)
		close(bed->guest);
	if (bed->server >= 0)
		close(bed->server);
}

static void bed_tunnel(struct bed *bed, int buffer, uint64_t idle_ms, const char *first)
{
	struct tunnel_spec spec = {.first = view_of(first),
				   .idle_ms = idle_ms,
				   .pipes = bed->pipes,
				   .counters = &bed->counters};
	struct tunnel_owner owner = {NULL, on_ended, bed};
	struct err err;

	if (bed->pass_at || bed->stop_at)
		owner.inspect = on_inspect;
	bed->ended = 0;
	tcp_pair(&bed->guest, &spec.guest_fd, buffer);
	tcp_pair(&bed->server, &spec.server_fd, buffer);
	CHECK(tunnel_open(&bed->loop, &spec, &owner, &bed->tunnel, &err) == 0);
}

static void bed_open(struct bed *bed)
{
	bed_init(bed);
	bed_tunnel(bed, 0, LONG_MS, "");
}

/* Reads to the end; what came. */
static const char *text_of(int fd)
{
	static char text[256];
	ssize_t len = 0, n;

	while ((n = recv(fd, text + len, sizeof(text) - 1 - (size_t)len, 0)) > 0)
		len += n;
	text[len] = '\0';
	return n < 0 ? strerror(errno) : text;
}

static const char *next_text(int fd)
{
	static char text[256];
	ssize_t n = readable(fd, 5000) ? recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT) : -1;

	text[n > 0 ? n : 0] = '\0';
	return n < 0 ? strerror(errno) : text;
}

/* ---- tests ---- */

enum pipes { PIPES, NO_PIPES, NO_DESCRIPTORS };

/* No descriptor more can be opened. */
static struct rlimit exhaust(void)
{
	int next = dup(STDIN_FILENO);
	struct rlimit before, few;

	close(next);
	getrlimit(RLIMIT_NOFILE, &before);
	few = (struct rlimit){(rlim_t)next, before.rlim_max};
	setrlimit(RLIMIT_NOFILE, &few);
	CHECK(dup(STDIN_FILENO) < 0);
	return before;
}

static void both_ways(size_t size, enum pipes pipes)
{
	struct rlimit before = {0};
	struct bed bed;
	struct flow flows[4];

	bed_init(&bed);
	if (pipes == NO_PIPES)
		pipe_pool_free(STEAL(bed.pipes));
	bed_tunnel(&bed, 0, LONG_MS, "");
	if (pipes == NO_DESCRIPTORS)
		before = exhaust();
	for (size_t i = 0; i < 4; i++) {
		flows[i] = (struct flow){.fd = i & 1 ? bed.server : bed.guest,
					 .size = size,
					 .seed = i == 0 || i == 3 ? 1 : 2};
		pthread_create(&flows[i].thread, NULL, i < 2 ? write_flow : read_flow, &flows[i]);
	}
	run(&bed, LONG_MS);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(flows[i].thread, NULL);
		CHECK(flows[i].good);
	}
	if (pipes == NO_DESCRIPTORS)
		setrlimit(RLIMIT_NOFILE, &before);
	CHECK(bed.ended == 1 && !bed.result.error);
	CHECK(bed.result.sent == size && bed.result.received == size);
	CHECK(bed.counters.sent == size && bed.counters.received == size);
	bed_done(&bed);
}

static void test_bulk(void)
{
	TEST("1 GiB passes both ways at once, each byte in its place, and is counted");
	both_ways(BULK, PIPES);
	TEST("so it does without pipes");
	both_ways(LESS, NO_PIPES);
	TEST("so it does where no pipe can be made");
	both_ways(LESS, NO_DESCRIPTORS);
}

static void test_pool(void)
{
	struct pipe_pair *out[LIMIT_PIPES];
	size_t before = open_fds();
	struct pipe_pool *pool;

	TEST("there are only so many pipes, each is used again, and comes empty");
	pool = pipe_pool_new();
	for (size_t i = 0; i < LIMIT_PIPES; i++) {
		out[i] = pipe_pool_take(pool);
		CHECK(out[i] && write(out[i]->write_fd, "x", 1) == 1);
	}
	CHECK(!pipe_pool_take(pool));
	CHECK(open_fds() == before + 2 * LIMIT_PIPES);
	for (size_t i = 0; i < LIMIT_PIPES; i++)
		pipe_pool_give(pool, out[i], false);
	CHECK(open_fds() == before);
	out[0] = pipe_pool_take(pool);
	CHECK(out[0] && read(out[0]->read_fd, out, 1) < 0 && errno == EAGAIN);
	pipe_pool_give(pool, out[0], true);
	CHECK(open_fds() == before + 2);
	pipe_pool_free(pool);
	CHECK(open_fds() == before);
}

static void half_close(int (*first)(const struct bed *), int (*second)(const struct bed *))
{
	struct bed bed;

	bed_open(&bed);
	put(first(&bed), "question");
	shutdown(first(&bed), SHUT_WR);
	run(&bed, 50);
	CHECK_STR(text_of(second(&bed)), "question");
	put(second(&bed), "answer");
	run(&bed, 50);
	CHECK(bed.ended == 0);
	CHECK_STR(next_text(first(&bed)), "answer");
	CHECK(!readable(first(&bed), 0));
	shutdown(second(&bed), SHUT_WR);
	run(&bed, LONG_MS);
	CHECK_STR(text_of(first(&bed)), "");
	CHECK(bed.ended == 1 && !bed.result.error);
	bed_done(&bed);
}

static int guest_of(const struct bed *bed)
{
	return bed->guest;
}

static int server_of(const struct bed *bed)
{
	return bed->server;
}

static void test_half_close(void)
{
	TEST("each side may end first and still be answered");
	half_close(guest_of, server_of);
	half_close(server_of, guest_of);
}

static void test_first(void)
{
	struct bed bed;

	TEST("what was read of the guest before goes to the server first");
	bed_init(&bed);
	bed_tunnel(&bed, 0, LONG_MS, "first ");
	put(bed.guest, "second");
	run(&bed, 50);
	CHECK_STR(next_text(bed.server), "first second");
	CHECK(bed.counters.sent == 12);
	bed_done(&bed);
}

/* Writes until nothing goes on, while the loop runs; how many bytes were taken. */
static size_t stuff(struct bed *bed, int fd)
{
	static const char zeros[PIECE];
	size_t taken = 0;

	for (int stuck = 0; stuck < 10;) {
		ssize_t n = send(fd, zeros, sizeof(zeros), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			taken += (size_t)n;
			stuck = 0;
		} else {
			stuck++;
		}
		run(bed, 5);
	}
	return taken;
}

static void drain(struct bed *bed, int fd, size_t len)
{
	char sink[PIECE];
	size_t got = 0;

	while (got < len) {
		ssize_t n = recv(fd, sink, MIN(sizeof(sink), len - got), MSG_DONTWAIT);

		got += n > 0 ? (size_t)n : 0;
		run(bed, 1);
	}
}

static void slow_reader(bool piped)
{
	static const char zeros[PIECE];
	struct bed bed;
	uint64_t sent = 0;
	size_t taken;

	bed_init(&bed);
	bed_tunnel(&bed, 32 * 1024, LONG_MS, "");
	while (piped && sent < 1 << 20) { /* the way has carried enough to get a pipe */
		ssize_t n = send(bed.guest, zeros, sizeof(zeros), MSG_DONTWAIT | MSG_NOSIGNAL);

		sent += n > 0 ? (uint64_t)n : 0;
		drain(&bed, bed.server, n > 0 ? (size_t)n : 0);
	}
	taken = stuff(&bed, bed.guest);
	CHECK(taken > 64 * 1024 && taken < 8 * 64 * 1024 + LIMIT_TUNNEL_HELD);
	drain(&bed, bed.server, taken);
	CHECK(bed.counters.sent == sent + taken);
	bed_done(&bed);
}

static void test_slow_reader(void)
{
	TEST("nothing is read that the other side does not take, and nothing is lost");
	slow_reader(false);
	slow_reader(true);
}

static void test_reset(void)
{
	struct bed bed;

	TEST("a reset of the guest goes through, after what it said before");
	bed_open(&bed);
	put(bed.guest, "last words");
	reset(STEAL_FD(bed.guest));
	run(&bed, LONG_MS);
	CHECK_STR(bed.result.error, "reset by the guest");
	CHECK(bed.result.sent == 10);
	CHECK_STR(next_text(bed.server), "last words");
	CHECK_STR(next_text(bed.server), strerror(ECONNRESET));
	bed_done(&bed);

	TEST("so does one of the server");
	bed_open(&bed);
	put(bed.server, "bye");
	reset(STEAL_FD(bed.server));
	run(&bed, LONG_MS);
	CHECK_STR(bed.result.error, "reset by the server");
	CHECK_STR(next_text(bed.guest), "bye");
	CHECK_STR(next_text(bed.guest), strerror(ECONNRESET));
	bed_done(&bed);
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void test_reset_unread(void)
{
	struct bed bed;
	double cpu;

	TEST("a side that has ended keeps nobody busy, and its reset is seen");
	bed_open(&bed);
	shutdown(bed.guest, SHUT_WR);
	cpu = cpu_seconds();
	run(&bed, 300);
	CHECK(cpu_seconds() - cpu < 0.1);
	reset(STEAL_FD(bed.guest));
	run(&bed, 2000);
	CHECK_STR(bed.result.error, "reset by the guest");
	CHECK(send(bed.server, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	bed_done(&bed);

	TEST("a reset is seen while that side is not read");
	bed_init(&bed);
	bed_tunnel(&bed, 32 * 1024, LONG_MS, "");
	stuff(&bed, bed.guest);
	reset(STEAL_FD(bed.guest));
	run(&bed, 2000);
	CHECK_STR(bed.result.error, "reset by the guest");
	bed_done(&bed);

	TEST("a server that takes no more is reset at once when it resets");
	bed_init(&bed);
	bed_tunnel(&bed, 32 * 1024, LONG_MS, "");
	stuff(&bed, bed.guest);
	reset(STEAL_FD(bed.server));
	run(&bed, 2000);
	CHECK_STR(bed.result.error, "reset by the server");
	bed_done(&bed);
}

static void test_idle(void)
{
	uint64_t start = clock_monotonic_ms();
	struct bed bed;

	TEST("what is idle for too long is cut, what is not is not");
	bed_init(&bed);
	bed_tunnel(&bed, 0, 400, "");
	for (int i = 0; i < 6; i++) {
		put(i & 1 ? bed.guest : bed.server, "x");
		run(&bed, 100);
	}
	CHECK(bed.ended == 0);
	run(&bed, LONG_MS);
	CHECK(clock_monotonic_ms() - start >= 900);
	CHECK_STR(bed.result.error, "no byte for too long");
	CHECK(bed.result.sent == 3 && bed.result.received == 3);
	bed_done(&bed);
}

static void test_urgent(void)
{
	char sink[PIECE];
	struct bed bed;
	size_t got = 0;
	double cpu;

	TEST("urgent bytes pass among the others, in a pipe's way too, and keep nobody busy");
	bed_open(&bed);
	for (size_t i = 0; i < 32; i++) {
		send(bed.guest, sink, sizeof(sink), MSG_NOSIGNAL | MSG_DONTWAIT);
		run(&bed, 5);
		while (recv(bed.server, sink, sizeof(sink), MSG_DONTWAIT) > 0)
			;
	}
	CHECK(bed.counters.sent > 1 << 20);
	put(bed.guest, "before ");
	send(bed.guest, "!", 1, MSG_OOB | MSG_NOSIGNAL);
	put(bed.guest, " after");
	cpu = cpu_seconds();
	run(&bed, 300);
	CHECK(cpu_seconds() - cpu < 0.1);
	for (ssize_t n = 0; n >= 0 && got<14; got += n> 0 ? (size_t)n : 0)
		n = recv(bed.server, sink + got, sizeof(sink) - got, MSG_DONTWAIT);
	sink[got] = '\0';
	CHECK_STR(sink, "before ! after");
	bed_done(&bed);
}

static void test_inspection(void)
{
	struct bed bed;

	TEST("under inspection the server may speak, the guest's bytes wait for the verdict");
	bed_init(&bed);
	bed.pass_at = "SSH-2.0-me";
	bed_tunnel(&bed, 0, LONG_MS, "");
	put(bed.server, "SSH-2.0-you");
	put(bed.guest, "SSH-");
	run(&bed, 50);
	CHECK_STR(next_text(bed.guest), "SSH-2.0-you");
	CHECK(bed.asked == 1 && !readable(bed.server, 0));
	CHECK(bed.counters.sent == 0);
	put(bed.guest, "2.0-me");
	run(&bed, LONG_MS);
	CHECK(bed.asked == 2);
	CHECK_STR(next_text(bed.server), "SSH-2.0-me");
	put(bed.guest, "more");
	run(&bed, 50);
	CHECK(bed.asked == 2);
	CHECK_STR(next_text(bed.server), "more");
	CHECK(bed.counters.sent == 14);
	bed_done(&bed);
}

static void test_inspection_ends(void)
{
	static const char much[PIECE];
	struct bed bed;

	TEST("a guest that ends in the middle of what is inspected is cut");
	bed_init(&bed);
	bed.pass_at = "GET";
	bed_tunnel(&bed, 0, LONG_MS, "");
	put(bed.guest, "GE");
	shutdown(bed.guest, SHUT_WR);
	run(&bed, LONG_MS);
	CHECK_STR(bed.result.error, "the guest ended in the middle of what is inspected");
	CHECK(bed.result.sent == 0);
	CHECK_STR(text_of(bed.server), strerror(ECONNRESET));
	bed_done(&bed);

	TEST("one that ends without a word ends that side only");
	bed_init(&bed);
	bed.pass_at = "GET";
	bed_tunnel(&bed, 0, LONG_MS, "");
	shutdown(bed.guest, SHUT_WR);
	run(&bed, 50);
	CHECK_STR(text_of(bed.server), "");
	put(bed.server, "banner");
	close(STEAL_FD(bed.server));
	run(&bed, LONG_MS);
	CHECK_STR(text_of(bed.guest), "banner");
	CHECK(bed.ended == 1 && !bed.result.error);
	bed_done(&bed);

	TEST("one that says more than is inspected is cut");
	bed_init(&bed);
	bed.pass_at = "GET";
	bed_tunnel(&bed, 0, LONG_MS, "");
	for (size_t i = 0; i < 2 * LIMIT_TUNNEL_HELD / PIECE && bed.ended == 0; i++) {
		send(bed.guest, much, sizeof(much), MSG_DONTWAIT | MSG_NOSIGNAL);
		run(&bed, 20);
	}
	CHECK_STR(bed.result.error, "the guest says more than is inspected");
	CHECK(bed.result.sent == 0 && !readable(bed.server, 0) == false);
	bed_done(&bed);
}

static void test_take(void)
{
	AUTO_BUF struct buf first = BUF_INIT(LIMIT_TUNNEL_HELD);
	struct tunnel_spec spec = {.idle_ms = LONG_MS};
	struct tunnel_owner owner;
	struct tunnel *second;
	struct bed bed;
	struct err err;

	TEST("after STOP the sockets and the guest's bytes can be taken, and used at once");
	bed_init(&bed);
	bed.stop_at = "GET / HTTP/1.1\r\n";
	bed_tunnel(&bed, 0, LONG_MS, "");
	put(bed.guest, "GET / ");
	run(&bed, 50);
	put(bed.guest, "HTTP/1.1\r\n");
	run(&bed, LONG_MS);
	put(bed.guest, "Host: a\r\n");
	run(&bed, 20);
	CHECK(tunnel_take(bed.tunnel, &spec.guest_fd, &spec.server_fd, &first, &err) == 0);
	CHECK_STR(first.ptr, "GET / HTTP/1.1\r\n");
	spec.first = (struct view){first.ptr, first.len};
	spec.counters = &bed.counters;
	owner = (struct tunnel_owner){NULL, on_ended, &bed};
	CHECK(tunnel_open(&bed.loop, &spec, &owner, &second, &err) == 0);
	run(&bed, 20); /* the first one's handles are gone before it is closed */
	tunnel_close(bed.tunnel);
	bed.tunnel = second;
	run(&bed, 50);
	CHECK_STR(next_text(bed.server), "GET / HTTP/1.1\r\nHost: a\r\n");
	put(bed.server, "HTTP/1.1 200 OK\r\n");
	run(&bed, 50);
	CHECK_STR(next_text(bed.guest), "HTTP/1.1 200 OK\r\n");
	bed_done(&bed);

	TEST("not when the server has spoken");
	bed_init(&bed);
	bed.stop_at = "GET";
	bed_tunnel(&bed, 0, LONG_MS, "");
	put(bed.server, "x");
	run(&bed, 50);
	put(bed.guest, "GET");
	run(&bed, LONG_MS);
	CHECK(tunnel_take(bed.tunnel, &spec.guest_fd, &spec.server_fd, &first, &err) < 0 &&
	      err.code == ERR_CONFLICT);
	tunnel_close(STEAL(bed.tunnel));
	CHECK_STR(text_of(bed.server), strerror(ECONNRESET));
	bed_done(&bed);
}

static void test_bad_socket(void)
{
	struct tunnel_spec spec = {.server_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
	struct tunnel_owner owner = {NULL, on_ended, NULL};
	size_t before = open_fds();
	struct tunnel *tunnel;
	struct bed bed;
	struct err err;

	TEST("what cannot be watched is an error, and both sides are closed");
	bed_init(&bed);
	tcp_pair(&bed.guest, &spec.guest_fd, 0);
	CHECK(tunnel_open(&bed.loop, &spec, &owner, &tunnel, &err) < 0 && err.code == ERR_IO);
	CHECK_STR(text_of(bed.guest), strerror(ECONNRESET));
	bed_done(&bed);
	CHECK(open_fds() == before - 1);
}

static void test_close(void)
{
	struct bed bed;

	TEST("what is closed is reset on both sides, and says nothing more");
	bed_open(&bed);
	run(&bed, 20);
	tunnel_close(STEAL(bed.tunnel));
	CHECK_STR(text_of(bed.guest), strerror(ECONNRESET));
	CHECK_STR(text_of(bed.server), strerror(ECONNRESET));
	run(&bed, 50);
	CHECK(bed.ended == 0);
	bed_done(&bed);
}

static void test_many(void)
{
	size_t before = open_fds();
	struct bed bed;
	bool good = true;

	TEST("thousands of short connections leave nothing open");
	bed_init(&bed);
	for (int i = 0; i < 3000 && good; i++) {
		bed_tunnel(&bed, 0, LONG_MS, i % 3 ? "hello" : "");
		if (i % 5 == 0)
			reset(STEAL_FD(bed.guest));
		else
			close(STEAL_FD(bed.guest));
		if (i % 7 == 0)
			tunnel_close(STEAL(bed.tunnel));
		close(STEAL_FD(bed.server));
		if (bed.tunnel)
			run(&bed, LONG_MS);
		good = !bed.tunnel;
	}
	CHECK(good);
	bed_done(&bed);
	CHECK(open_fds() == before);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_bulk();
	test_pool();
	test_half_close();
	test_first();
	test_slow_reader();
	test_reset();
	test_reset_unread();
	test_idle();
	test_urgent();
	test_inspection();
	test_inspection_ends();
	test_take();
	test_bad_socket();
	test_close();
	test_many();
	return tap_done();
}
