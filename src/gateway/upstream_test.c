// SPDX-License-Identifier: MIT
/*
 * The way out by a proxy, on real sockets: a real one, and one that says what a test wants.  The
 * resolver is this file's own.
 */
#include "gateway/upstream.h"

#include "base/attr.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "gateway/resolver.h"
#include "gateway/sockets_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

enum { LONG_MS = 25 * 1000 };

/* ---- the resolver ---- */

struct resolver {
	const char *address; /* of the next name; NULL: none */
	bool full;
	char asked[256];
};

struct resolver_query {
	uv_timer_t timer;
	resolver_done_fn *done;
	void *ctx;
	struct ip ip;
	size_t count;
};

static void query_free(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_query(uv_timer_t *timer)
{
	struct resolver_query *query = timer->data;
	struct resolver_reply reply = {.ips = &query->ip, .ip_count = query->count};

	uv_close((uv_handle_t *)timer, query_free);
	query->done(query->ctx, &reply);
}

static uv_loop_t *loop_of(void *ctx);

struct resolver_query *resolver_addresses(struct resolver *resolver, const char *name,
					  resolver_done_fn *done, void *ctx)
{
	struct resolver_query *query;

	if (resolver->full)
		return NULL;
	query = calloc(1, sizeof(*query));
	snprintf(resolver->asked, sizeof(resolver->asked), "%s", name);
	query->done = done;
	query->ctx = ctx;
	query->count = resolver->address && ip_parse(resolver->address, &query->ip);
	uv_timer_init(loop_of(resolver), &query->timer);
	query->timer.data = query;
	uv_timer_start(&query->timer, on_query, 1, 0);
	return query;
}

void resolver_cancel(struct resolver_query *query)
{
	uv_close((uv_handle_t *)&query->timer, query_free);
}

/* ---- the bed ---- */

struct bed {
	struct resolver resolver; /* first: loop_of() */
	uv_loop_t loop;
	uv_timer_t dog;
	struct upstream *upstream;
	unsigned called;
	int fd;
	struct ip ip;
	struct err why;
};

static uv_loop_t *loop_of(void *ctx)
{
	return &((struct bed *)ctx)->loop;
}

static void bed_init(struct bed *bed, const char *proxy, const char *no_proxy)
{
	struct err err = {0};

	*bed = (struct bed){.fd = -1};
	uv_loop_init(&bed->loop);
	uv_timer_init(&bed->loop, &bed->dog);
	CHECK(upstream_new(&bed->loop, &bed->resolver, proxy, no_proxy, &bed->upstream, &err) == 0);
	CHECK_STR(err.msg, "");
}

static void bed_done(struct bed *bed)
{
	uv_close((uv_handle_t *)&bed->dog, NULL);
	uv_run(&bed->loop, UV_RUN_DEFAULT);
	CHECK(uv_loop_close(&bed->loop) == 0);
	upstream_free(bed->upstream);
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

static struct upstream_dial *begin(struct bed *bed, const struct upstream_target *target)
{
	struct upstream_dial *dial;

	uv_update_time(&bed->loop);
	bed->called = 0;
	if (bed->fd >= 0)
		close(STEAL_FD(bed->fd));
	dial = upstream_connect(bed->upstream, target, on_done, bed);
	CHECK(bed->called == 0);
	return dial;
}

static void connect_to(struct bed *bed, const struct upstream_target *target)
{
	begin(bed, target);
	run(bed, LONG_MS);
	CHECK(bed->called == 1);
}

static const char *ip_text(const struct ip *ip)
{
	static char text[IP_TEXT];

	ip_format(ip, text);
	return text;
}

/* ---- a proxy that says what it is told ---- */

struct fake {
	int listener;
	uint16_t port;
	const char *answer;
	bool by_bytes, endless, resets;
	pthread_t thread;
	char request[1024]; /* that it got */
};

static void *be_proxy(void *arg)
{
	const struct linger at_once = {.l_onoff = 1};
	struct fake *fake = arg;
	size_t len = 0, answer_len = strlen(fake->answer);
	int fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);

	while (len < 4 || strcmp(fake->request + len - 4, "\r\n\r\n") != 0) {
		ssize_t n = recv(fd, fake->request + len, sizeof(fake->request) - 1 - len, 0);

		if (n <= 0)
			break;
		len += (size_t)n;
		fake->request[len] = '\0';
	}
	for (size_t i = 0; fake->by_bytes && i < answer_len; i++) {
		send(fd, fake->answer + i, 1, MSG_NOSIGNAL);
		usleep(500);
	}
	if (!fake->by_bytes)
		send(fd, fake->answer, answer_len, MSG_NOSIGNAL);
	while (fake->endless && send(fd, "X-More: and more\r\n", 18, MSG_NOSIGNAL) > 0)
		;
	if (fake->resets)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	return NULL;
}

/* Connects to example.com:443 by it. */
static void by_proxy(struct bed *bed, struct fake *fake)
{
	const struct upstream_target target = {.host = "example.com", .port = 443};
	char url[64];

	fake->port = 0;
	fake->listener = listen_at("127.0.0.1", &fake->port, 8);
	snprintf(url, sizeof(url), "http://me:secret@127.0.0.1:%u", fake->port);
	pthread_create(&fake->thread, NULL, be_proxy, fake);
	bed_init(bed, url, NULL);
	connect_to(bed, &target);
	pthread_join(fake->thread, NULL);
	close(fake->listener);
}

static void test_proxy(void)
{
	static const char wanted[] = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n"
				     "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n";
	struct fake fake = {.answer = "HTTP/1.1 200 Connection established\r\nVia: a\r\n\r\nSSH-2"};
	char got[16] = "";
	struct bed bed;

	TEST("by a proxy: what it says behind its head is left to whoever gets the socket");
	by_proxy(&bed, &fake);
	CHECK_STR(fake.request, wanted);
	CHECK(bed.fd >= 0);
	CHECK_STR(ip_text(&bed.ip), "127.0.0.1");
	CHECK(recv(bed.fd, got, sizeof(got), 0) == 5);
	CHECK_STR(got, "SSH-2");
	bed_done(&bed);

	TEST("the head may come byte by byte, behind a preliminary one");
	fake = (struct fake){.answer = "HTTP/1.1 100 Continue\r\n\r\n"
				       "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
				       "HTTP/1.0 200 OK\r\n\r\nyes",
			     .by_bytes = true};
	by_proxy(&bed, &fake);
	CHECK(bed.fd >= 0);
	CHECK(recv(bed.fd, got, sizeof(got), MSG_WAITALL) == 3 && memcmp(got, "yes", 3) == 0);
	bed_done(&bed);
}

static void test_hostile_proxy(void)
{
	static const struct {
		struct fake fake;
		const char *text; /* after "proxy 127.0.0.1:PORT: " */
		enum err_code code;
	} cases[] = {
		{{.answer = "HTTP/1.1 407 No\r\n\r\n"},
		 "does not accept its user and password (407)",
		 ERR_DENIED},
		{{.answer = "HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nnever"},
		 "does not allow it (403)",
		 ERR_DENIED},
		{{.answer = "HTTP/1.1 502 \r\n\r\n"}, "cannot reach it (502)", ERR_IO},
		{{.answer = "HTTP/1.1 101 Switching\r\n\r\n"},
		 "HTTP: an upgrade that was not asked for",
		 ERR_PROTOCOL},
		{{.answer = "SSH-2.0-OpenSSH\r\n\r\n"},
		 "HTTP: not HTTP/1.0 or HTTP/1.1",
		 ERR_PROTOCOL},
		{{.answer = "HTTP/1.1 200 OK\r\n", .endless = true}, NULL, ERR_LIMIT},
		{{.answer = "HTTP/1.1 200 OK\r\n"},
		 "closed the connection without an answer",
		 ERR_IO},
		{{.answer = "HTTP/1.1 200 OK\r\n", .resets = true}, "reset the connection", ERR_IO},
		{{.answer = ""}, "closed the connection without an answer", ERR_IO},
	};

	TEST("what else a proxy says is an error that names it, without the password");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake fake = cases[i].fake;
		char wanted[256];
		struct bed bed;

		by_proxy(&bed, &fake);
		CHECK(bed.fd < 0 && bed.why.code == cases[i].code);
		CHECK(!strstr(bed.why.msg, "secret") && !strstr(bed.why.msg, "bWU6"));
		snprintf(wanted, sizeof(wanted), "proxy 127.0.0.1:%u: %s", fake.port,
			 cases[i].text ? cases[i].text : "");
		if (cases[i].text)
			CHECK_STR(bed.why.msg, wanted);
		bed_done(&bed);
	}
}

static void test_proxy_name(void)
{
	static const char *const texts[] = {"127.0.0.1", NULL};
	struct upstream_target target = {.host = "example.com", .port = 443};
	uint16_t port = 0;
	int listener = listen_at("127.0.0.1", &port, 1024);
	char url[64], wanted[256];
	struct ip ips[1];
	struct bed bed;

	TEST("the proxy's own name is looked up");
	snprintf(url, sizeof(url), "http://proxy.test:%u", port);
	bed_init(&bed, url, "inside.test");
	connect_to(&bed, &target);
	CHECK_STR(bed.resolver.asked, "proxy.test");
	snprintf(wanted, sizeof(wanted), "proxy proxy.test:%u: its name has no address", port);
	CHECK_STR(bed.why.msg, wanted);
	bed.resolver.full = true;
	connect_to(&bed, &target);
	CHECK(bed.why.code == ERR_LIMIT);
	bed.resolver.full = false;

	TEST("a proxy that cannot be reached is named with what was tried");
	bed.resolver.address = "127.0.0.2";
	connect_to(&bed, &target);
	snprintf(wanted, sizeof(wanted),
		 "proxy proxy.test:%u: connect to port %u of 127.0.0.2 (Connection refused)", port,
		 port);
	CHECK_STR(bed.why.msg, wanted);

	TEST("a dial by the proxy can be cancelled at any moment");
	bed.resolver.address = "127.0.0.1";
	for (uint64_t ms = 0; ms < 12; ms++) {
		struct upstream_dial *dial = begin(&bed, &target);

		if (ms > 0)
			run(&bed, ms);
		upstream_cancel(dial);
		run(&bed, 2);
		CHECK(bed.called == 0);
	}

	TEST("what NO_PROXY names, and addresses of the user's, are dialled directly");
	target = (struct upstream_target){.host = "a.inside.test", .ips = ips, .port = port};
	target.ip_count = ips_of(texts, ips);
	CHECK(!upstream_by_proxy(bed.upstream, "a.inside.test", port));
	CHECK(upstream_by_proxy(bed.upstream, "example.com", port));
	connect_to(&bed, &target);
	CHECK(bed.fd >= 0);
	target.host = "example.com";
	target.direct = true;
	connect_to(&bed, &target);
	CHECK(bed.fd >= 0);
	bed_done(&bed);
	close(listener);
}

/* ---- a real proxy ---- */

static pid_t start_tinyproxy(uint16_t port, char *dir)
{
	char path[64], text[256];
	pid_t pid;
	struct err err;

	snprintf(path, sizeof(path), "%s/conf", dir);
	snprintf(text, sizeof(text),
		 "Port %u\nListen 127.0.0.1\nTimeout 30\nAllow 127.0.0.1\n"
		 "BasicAuth me secret1\n",
		 port);
	CHECK(fd_write_file(AT_FDCWD, path, text, strlen(text), 0600, &err) == 0);
	pid = fork();
	if (pid == 0) {
		(void)!freopen("/dev/null", "w", stdout);
		execlp("tinyproxy", "tinyproxy", "-d", "-c", path, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static void test_tinyproxy(void)
{
	char dir[] = "/tmp/upstream-test-XXXXXX", url[64], got[8] = "", path[64];
	struct upstream_target target = {.host = "127.0.0.1"};
	int listener, server = -1;
	struct bed bed;
	uint16_t port = 0;
	pid_t pid;

	TEST("by tinyproxy, with a password, to a server that speaks first");
	if (access("/usr/bin/tinyproxy", X_OK) < 0) {
		SKIP("no tinyproxy");
		return;
	}
	CHECK(mkdtemp(dir) != NULL);
	close(listen_at("127.0.0.1", &port, 1));
	pid = start_tinyproxy(port, dir);
	listener = listen_at("127.0.0.1", &target.port, 8);
	snprintf(url, sizeof(url), "http://me:%%73ecret1@127.0.0.1:%u", port);
	bed_init(&bed, url, NULL);
	for (int i = 0; i < 100 && bed.fd < 0; i++) { /* until it listens */
		connect_to(&bed, &target);
		usleep(bed.fd < 0 ? 50000 : 0);
	}
	CHECK(bed.fd >= 0);
	server = bed.fd < 0 ? -1 : accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(send(server, "hello", 5, MSG_NOSIGNAL) == 5);
	fcntl(bed.fd, F_SETFL, 0);
	CHECK(recv(bed.fd, got, sizeof(got), 0) == 5);
	CHECK_STR(got, "hello");
	close(server);

	TEST("tinyproxy says that nobody is there");
	close(listener);
	connect_to(&bed, &target);
	CHECK(bed.fd < 0 && strstr(bed.why.msg, ": cannot reach it (50") != NULL);
	bed_done(&bed);

	TEST("tinyproxy does not take a wrong password");
	snprintf(url, sizeof(url), "http://me:wrong@127.0.0.1:%u", port);
	bed_init(&bed, url, NULL);
	connect_to(&bed, &target);
	CHECK(bed.fd < 0);
	CHECK(bed.why.code == ERR_DENIED && !strstr(bed.why.msg, "wrong"));
	bed_done(&bed);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	snprintf(path, sizeof(path), "%s/conf", dir);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_proxy();
	test_hostile_proxy();
	test_proxy_name();
	test_tinyproxy();
	return tap_done();
}
