// SPDX-License-Identifier: MIT
#include "wire/control.h"

#include "base/auto.h"
#include "base/limits.h"
#include "base/tap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/* Packs, unpacks; each shorter and the longer message is refused. */
static void through(const struct control_packet *in, struct control_packet *ret_out)
{
	AUTO_BUF struct buf buf = BUF_INIT(LIMIT_CONTROL_PACKET);
	struct control_packet none;
	struct err err;

	control_pack(&buf, in);
	CHECK(control_unpack((struct view){buf.ptr, buf.len}, ret_out, &err) == 0);
	for (size_t len = 0; len < buf.len; len++)
		CHECK(control_unpack((struct view){buf.ptr, len}, &none, &err) < 0);
	buf_putc(&buf, 0);
	CHECK(control_unpack((struct view){buf.ptr, buf.len}, &none, &err) < 0);
	CHECK(err.code == ERR_PROTOCOL);
}

static void every_type(void)
{
	struct control_packet out = {0};

	TEST("each message comes back as it was");
	through(&(struct control_packet){CONTROL_REQUEST, {.kind = CONTROL_EXEC}}, &out);
	CHECK(out.type == CONTROL_REQUEST && out.kind == CONTROL_EXEC);
	through(&(struct control_packet){CONTROL_SIGNAL, {.signal = SIGUSR1}}, &out);
	CHECK(out.type == CONTROL_SIGNAL && out.signal == SIGUSR1);
	through(&(struct control_packet){CONTROL_RESIZE, {.size = {30, 90}}}, &out);
	CHECK(out.type == CONTROL_RESIZE && out.size.rows == 30 && out.size.cols == 90);
	through(&(struct control_packet){CONTROL_EXITED, {.exit_code = 137}}, &out);
	CHECK(out.type == CONTROL_EXITED && out.exit_code == 137);
	through(&(struct control_packet){CONTROL_FAILED, {.failed = {127, (char *)"no\x1b[31m"}}},
		&out);
	CHECK(out.type == CONTROL_FAILED && out.failed.exit_code == 127);
	CHECK_STR(out.failed.text, "no?[31m");
	control_packet_done(&out);
	through(&(struct control_packet){CONTROL_NOTE, {.failed = {1, (char *)"refused"}}}, &out);
	CHECK(out.type == CONTROL_NOTE);
	CHECK_STR(out.failed.text, "refused");
	control_packet_done(&out);
	through(&(struct control_packet){CONTROL_REQUEST, {.kind = CONTROL_FORWARD}}, &out);
	CHECK(out.type == CONTROL_REQUEST && out.kind == CONTROL_FORWARD);
	through(&(struct control_packet){CONTROL_LISTEN, {.guest_port = 8080}}, &out);
	CHECK(out.type == CONTROL_LISTEN && out.guest_port == 8080);
	through(&(struct control_packet){CONTROL_REQUEST, {.kind = CONTROL_ALLOW_LIST}}, &out);
	CHECK(out.type == CONTROL_REQUEST && out.kind == CONTROL_ALLOW_LIST);
	through(&(struct control_packet){.type = CONTROL_ANSWER}, &out);
	CHECK(out.type == CONTROL_ANSWER);
}

static void refused(void)
{
	AUTO_BUF struct buf buf = BUF_INIT(LIMIT_CONTROL_PACKET);
	struct control_packet out;
	struct err err;

	TEST("another version is told from garbage");
	control_pack(&buf, &(struct control_packet){CONTROL_REQUEST, {.kind = CONTROL_EXEC}});
	buf.ptr[3]++;
	CHECK(control_unpack((struct view){buf.ptr, buf.len}, &out, &err) < 0);
	CHECK(strstr(err.msg, "another version") != NULL);

	TEST("unknown types, kinds and exit codes are refused");
	CHECK(control_unpack(VIEW_LIT("\x0a"), &out, &err) < 0);
	buf_clear(&buf);
	control_pack(&buf, &(struct control_packet){CONTROL_REQUEST, {.kind = CONTROL_KINDS}});
	CHECK(control_unpack((struct view){buf.ptr, buf.len}, &out, &err) < 0);
	CHECK(control_unpack(VIEW_LIT("\6\0\1\0\0"), &out, &err) < 0);
}

static void over_a_socket(void)
{
	const struct control_packet request = {CONTROL_REQUEST, {.kind = CONTROL_EXEC}};
	struct control_packet got;
	char large[LIMIT_CONTROL_PACKET + 1] = {CONTROL_FAILED};
	int pair[2], fds[CONTROL_FDS_MAX];
	size_t count = 0;
	struct err err;

	TEST("a request arrives with its descriptors");
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	CHECK(control_send(pair[0], &request, (const int[]){0, 1, 2}, 3, &err) == 0);
	CHECK(control_receive(pair[1], &got, fds, &count, &err) == 1);
	CHECK(got.type == CONTROL_REQUEST && count == 3);
	while (count > 0)
		close(fds[--count]);

	TEST("what is too long is refused, and its descriptors are closed");
	CHECK(send(pair[0], large, sizeof(large), 0) == (ssize_t)sizeof(large));
	CHECK(control_receive(pair[1], &got, fds, &count, &err) < 0);
	CHECK(err.code == ERR_LIMIT && count == 0);

	TEST("more descriptors than any request has are refused");
	CHECK(control_send(pair[0], &request, (const int[]){0, 1, 2, 0, 1}, 5, &err) == 0);
	CHECK(control_receive(pair[1], &got, fds, &count, &err) < 0);
	CHECK(err.code == ERR_PROTOCOL && count == 0);

	TEST("a peer that is gone is no error");
	close(pair[0]);
	CHECK(control_receive(pair[1], &got, fds, &count, &err) == 0);
	close(pair[1]);
}

int main(void)
{
	every_type();
	refused();
	over_a_socket();
	return tap_done();
}
