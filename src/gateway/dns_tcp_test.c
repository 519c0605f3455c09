// SPDX-License-Identifier: MIT
/* Tests of the guest's queries over TCP. */
#include "gateway/dns_tcp.h"

#include "gateway/dns_fixture.h"
#include "gateway/sockets_test.h"

#include <errno.h>
#include <signal.h>

/* A new connection, whose other end the server has. */
static int connect_tcp(struct bed *bed)
{
	uint16_t port = 0;
	AUTO_FD int listener = listen_at("127.0.0.1", &port, 1);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	dns_server_accept(bed->server, accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
	return fd;
}

static void put_framed(struct buf *out, const char *name, uint16_t type)
{
	AUTO_BUF struct buf query = BUF_INIT(512);

	put_query(&query, name, type);
	buf_putc(out, (char)(query.len >> 8));
	buf_putc(out, (char)query.len);
	buf_put(out, query.ptr, query.len);
}

/* Reads exactly `len` bytes. */
static bool read_tcp(struct bed *bed, int fd, uint8_t *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = recv(fd, bytes + done, len - done, MSG_DONTWAIT);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EAGAIN || !await(bed, fd))
			return false;
	}
	return true;
}

static void receive_tcp(struct bed *bed, int fd, struct reply *ret_reply)
{
	uint8_t length[2] = {0};

	ret_reply->rcode = -1;
	ret_reply->count = 0;
	if (!read_tcp(bed, fd, length, sizeof(length)))
		return;
	ret_reply->len = (size_t)length[0] << 8 | length[1];
	if (read_tcp(bed, fd, ret_reply->bytes, ret_reply->len))
		parse_reply(ret_reply);
}

/* The server ends the connection, in order or not. */
static bool is_ended(struct bed *bed, int fd)
{
	char byte;

	return await(bed, fd) && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN;
}

static void send_all(int fd, const struct buf *bytes)
{
	CHECK(send(fd, bytes->ptr, bytes->len, MSG_NOSIGNAL) == (ssize_t)bytes->len);
}

static void test_tcp(struct bed *bed)
{
	AUTO_BUF struct buf bytes = BUF_INIT(8192);
	AUTO_FD int fd = connect_tcp(bed);
	static struct reply reply;

	TEST("several queries on one connection, at once and in pieces");
	put_framed(&bytes, "one.example", DNS_A);
	put_framed(&bytes, "big.example", DNS_TXT);
	put_framed(&bytes, "one.example", DNS_AAAA);
	send_all(fd, &bytes);
	for (int i = 0; i < 3; i++) {
		receive_tcp(bed, fd, &reply);
		CHECK(reply.rcode == DNS_NOERROR);
		CHECK(reply.count == 0 || reply.type == DNS_A || reply.data.len == 40000);
	}
	buf_clear(&bytes);
	put_framed(&bytes, "missing.example", DNS_A);
	for (size_t i = 0; i < bytes.len; i++) {
		CHECK(send(fd, bytes.ptr + i, 1, 0) == 1);
		run_some(bed);
	}
	receive_tcp(bed, fd, &reply);
	CHECK(reply.rcode == DNS_NXDOMAIN);

	TEST("the end of the guest is answered by one, once all it asked is answered");
	buf_clear(&bytes);
	put_framed(&bytes, "held1.example", DNS_A);
	send_all(fd, &bytes);
	CHECK(shutdown(fd, SHUT_WR) == 0);
	bed->held_count = 0;
	while (bed->held_count == 0)
		uv_run(&bed->loop, UV_RUN_ONCE);
	answer_question(bed, &bed->held[0]);
	receive_tcp(bed, fd, &reply);
	CHECK(reply.rcode == DNS_NOERROR && reply.count == 1);
	CHECK(is_ended(bed, fd));
}

static void test_tcp_limits(struct bed *bed)
{
	AUTO_BUF struct buf bytes = BUF_INIT(65536);
	int fds[LIMIT_DNS_CONNECTIONS + 1];
	static struct reply reply;

	TEST("a connection waits with more than some queries until the first are answered");
	fds[0] = connect_tcp(bed);
	bed->held_count = 0;
	for (int i = 0; i < 2 * LIMIT_DNS_PIPELINED; i++) {
		char name[32];

		snprintf(name, sizeof(name), "held-%d.example", i);
		put_framed(&bytes, name, DNS_A);
	}
	send_all(fds[0], &bytes);
	while (bed->held_count < LIMIT_DNS_PIPELINED)
		uv_run(&bed->loop, UV_RUN_ONCE);
	run_some(bed);
	CHECK(bed->held_count == LIMIT_DNS_PIPELINED);
	for (int i = 0; i < 2 * LIMIT_DNS_PIPELINED; i++) {
		answer_question(bed, &bed->held[i]);
		receive_tcp(bed, fds[0], &reply);
		CHECK(reply.rcode == DNS_NOERROR && reply.count == 1);
	}
	close(fds[0]);
	run_some(bed);

	TEST("more connections than the limit are reset");
	for (int i = 0; i < LIMIT_DNS_CONNECTIONS; i++)
		fds[i] = connect_tcp(bed);
	fds[LIMIT_DNS_CONNECTIONS] = connect_tcp(bed);
	CHECK(is_ended(bed, fds[LIMIT_DNS_CONNECTIONS]));

	TEST("an idle connection is closed");
	CHECK(is_ended(bed, fds[0]));
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	run_some(bed);
}

static void test_tcp_malformed(struct bed *bed)
{
	static const struct view bad[] = {
		VIEW_LIT("\0\4abcd"),
		VIEW_LIT("\0\x15\x12\x34\x81\0\0\1\0\0\0\0\0\0\1a\2io\0\0\1\0\1"), /* a response */
		VIEW_LIT("GET / HTTP/1.1\r\n\r\n"),
	};
	static char large[2 + LIMIT_DNS_QUERY + 1] = {(LIMIT_DNS_QUERY + 1) >> 8, 1};
	int fd;

	TEST("what is no DNS over TCP ends the connection");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fd = connect_tcp(bed);
		CHECK(send(fd, bad[i].ptr, bad[i].len, 0) == (ssize_t)bad[i].len);
		CHECK(is_ended(bed, fd));
		close(fd);
	}
	fd = connect_tcp(bed);
	CHECK(send(fd, large, sizeof(large), 0) == (ssize_t)sizeof(large));
	CHECK(is_ended(bed, fd));
	close(fd);
}

int main(void)
{
	size_t before;
	struct bed bed;

	signal(SIGPIPE, SIG_IGN);
	bed_open(&bed, 100, NULL);
	before = open_fds();
	test_tcp(&bed);
	test_tcp_malformed(&bed);
	test_tcp_limits(&bed);
	TEST("no descriptor is left");
	CHECK(open_fds() == before);
	bed_close(&bed);
	return tap_done();
}
