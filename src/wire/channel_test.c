// SPDX-License-Identifier: MIT
/* Two channels over a socket pair on one loop: bulk data both ways, and what happens on the end. */
#include "wire/channel.h"

#include "base/fd.h"
#include "base/limits.h"
#include "base/tap.h"

#include <stdlib.h>
#include <unistd.h>

enum { BULK = 8 * 1024 * 1024 };

struct end {
	struct channel *channel;
	struct mux_stream *stream;
	size_t sent, got, broken, closed;
	bool bad, echo;
};

static char byte_at(size_t offset)
{
	return (char)(offset * 2654435761u >> 13);
}

static void fill(struct end *end)
{
	size_t room;
	char *at;

	while (end->sent < BULK && (at = mux_reserve(end->stream, 0, &room))) {
		room = MIN(room, BULK - end->sent);
		for (size_t i = 0; i < room; i++)
			at[i] = byte_at(end->sent + i);
		mux_commit(end->stream, 0, room);
		end->sent += room;
	}
	if (end->sent == BULK)
		mux_end(end->stream, 0);
}

static void on_data(void *ctx, unsigned channel, struct view bytes)
{
	struct end *end = ctx;

	for (size_t i = 0; i < bytes.len; i++)
		end->bad |= bytes.ptr[i] != byte_at(end->got + i);
	end->got += bytes.len;
	mux_consumed(end->stream, channel, bytes.len);
}

static void on_end(void *ctx, unsigned channel)
{
	struct end *end = ctx;

	(void)channel;
	if (end->echo)
		fill(end);
	else
		mux_close(end->stream);
}

static void on_writable(void *ctx, unsigned channel)
{
	(void)channel;
	fill(ctx);
}

static void on_closed(void *ctx)
{
	struct end *end = ctx;

	end->closed++;
	mux_close(end->stream);
	if (end->echo)
		uv_stop(uv_default_loop());
}

static const struct mux_stream_ops stream_ops = {
	.data = on_data, .end = on_end, .writable = on_writable, .closed = on_closed};

static void on_opened(void *ctx, struct mux_stream *stream, uint8_t kind, struct view request)
{
	struct end *end = ctx;

	(void)kind;
	(void)request;
	end->stream = stream;
	mux_accept(stream, &stream_ops, end);
}

static void on_broken(void *ctx, const struct err *err)
{
	struct end *end = ctx;

	end->broken++;
	CHECK(err->code == ERR_IO || err->code == ERR_PROTOCOL);
	uv_stop(uv_default_loop());
}

int main(void)
{
	static const struct channel_ops host_ops = {.broken = on_broken};
	static const struct channel_ops guest_ops = {.opened = on_opened, .broken = on_broken};
	uv_loop_t *loop = uv_default_loop();
	struct end host = {0}, guest = {.echo = true};
	struct err err = {0};
	int pair[2];

	TEST("8 MiB each way arrive whole and in order");
	CHECK(fd_socketpair(pair, &err) == 0);
	CHECK(fd_set_nonblock(pair[0], true, &err) == 0 &&
	      fd_set_nonblock(pair[1], true, &err) == 0);
	CHECK(channel_open(loop, pair[0], MUX_HOST, &host_ops, &host, &host.channel, &err) == 0);
	CHECK(channel_open(loop, pair[1], MUX_GUEST, &guest_ops, &guest, &guest.channel, &err) ==
	      0);
	CHECK(mux_open(channel_mux(host.channel), 1, VIEW_LIT("x"), &stream_ops, &host,
		       &host.stream, &err) == 0);
	fill(&host);
	uv_run(loop, UV_RUN_DEFAULT);
	CHECK(host.got == BULK && guest.got == BULK && !host.bad && !guest.bad);
	CHECK(guest.closed == 1 && host.broken == 0);

	TEST("a peer that speaks another language breaks the channel, once, streams first");
	host.closed = 0;
	CHECK(mux_open(channel_mux(host.channel), 1, VIEW_LIT("x"), &stream_ops, &host,
		       &host.stream, &err) == 0);
	CHECK(write(pair[1], "GET / HTTP/1.1\r\n", 16) == 16);
	uv_run(loop, UV_RUN_DEFAULT);
	CHECK(host.broken == 1 && host.closed == 1);

	TEST("closing frees everything");
	channel_close(host.channel, NULL, NULL);
	channel_close(guest.channel, NULL, NULL);
	while (uv_loop_alive(loop))
		uv_run(loop, UV_RUN_DEFAULT);
	CHECK(uv_loop_close(loop) == 0);
	close(pair[0]);
	close(pair[1]);
	return tap_done();
}
