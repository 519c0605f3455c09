// SPDX-License-Identifier: MIT
/* Two muxes face to face, bytes carried by hand in pieces of every size. */
#include "wire/mux.h"

#include "base/auto.h"
#include "base/limits.h"
#include "base/tap.h"

#include <stdlib.h>

struct side {
	struct mux *mux;
	struct mux_stream *stream;
	struct buf got[MUX_CHANNELS];
	struct buf messages;
	struct buf request;
	unsigned kind, ended, closed, writable;
	bool hold;	 /* do not give credit back */
	uint32_t credit; /* for the stream that the peer opens; 0 = as it is */
};

static void on_data(void *ctx, unsigned channel, struct view bytes)
{
	struct side *side = ctx;

	buf_put(&side->got[channel], bytes.ptr, bytes.len);
	if (!side->hold)
		mux_consumed(side->stream, channel, bytes.len);
}

static void on_end(void *ctx, unsigned channel)
{
	((struct side *)ctx)->ended |= BIT(channel);
}

static void on_message(void *ctx, uint8_t type, struct view payload)
{
	struct side *side = ctx;

	buf_printf(&side->messages, "%u:%.*s;", type, (int)payload.len, payload.ptr);
}

static void on_writable(void *ctx, unsigned channel)
{
	((struct side *)ctx)->writable |= BIT(channel);
}

static void on_closed(void *ctx)
{
	((struct side *)ctx)->closed++;
}

static const struct mux_stream_ops stream_ops = {
	.data = on_data,
	.end = on_end,
	.message = on_message,
	.writable = on_writable,
	.closed = on_closed,
};

static void on_opened(void *ctx, struct mux_stream *stream, uint8_t kind, struct view request)
{
	struct side *side = ctx;

	side->stream = stream;
	side->kind = kind;
	buf_put(&side->request, request.ptr, request.len);
	mux_accept(stream, &stream_ops, side);
	if (side->credit)
		mux_set_credit(stream, side->credit);
}

static void on_output(void *ctx)
{
	(void)ctx;
}

static const struct mux_ops host_ops = {.output = on_output};
static const struct mux_ops guest_ops = {.opened = on_opened, .output = on_output};

static void side_init(struct side *side, enum mux_side which)
{
	*side = (struct side){0};
	for (size_t i = 0; i < MUX_CHANNELS; i++)
		side->got[i] = (struct buf)BUF_INIT(64 * 1024 * 1024);
	side->messages = (struct buf)BUF_INIT(4096);
	side->request = (struct buf)BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	side->mux = which == MUX_HOST
			    ? mux_new(MUX_HOST, LIMIT_MESSAGE_TO_HOST, &host_ops, side)
			    : mux_new(MUX_GUEST, LIMIT_MESSAGE_TO_GUEST, &guest_ops, side);
}

static void side_done(struct side *side)
{
	mux_free(side->mux);
	for (size_t i = 0; i < MUX_CHANNELS; i++)
		buf_done(&side->got[i]);
	buf_done(&side->messages);
	buf_done(&side->request);
}

/* Carries what `from` has queued in pieces of `piece` bytes. */
static int carry(struct side *from, struct side *to, size_t piece, struct err *err)
{
	struct view out;

	while ((out = mux_output(from->mux)).len > 0) {
		size_t len = MIN(out.len, piece);

		if (mux_receive(to->mux, out.ptr, len, err) < 0)
			return -1;
		mux_written(from->mux, len);
	}
	return 0;
}

static void test_conversation(size_t piece)
{
	struct side host, guest;
	struct err err = {0};
	char bytes[1000];

	side_init(&host, MUX_HOST);
	side_init(&guest, MUX_GUEST);
	memset(bytes, 'x', sizeof(bytes));
	CHECK(mux_open(host.mux, 7, VIEW_LIT("please"), &stream_ops, &host, &host.stream, &err) ==
	      0);
	CHECK(carry(&host, &guest, piece, &err) == 0);
	CHECK(guest.kind == 7);
	CHECK_STR(guest.request.ptr, "please");
	CHECK(mux_send(host.stream, 0, bytes, sizeof(bytes)) == sizeof(bytes));
	mux_end(host.stream, 0);
	mux_message(host.stream, 3, VIEW_LIT("sig"));
	CHECK(carry(&host, &guest, piece, &err) == 0);
	CHECK(guest.got[0].len == sizeof(bytes) && guest.ended == BIT(0));
	CHECK_STR(guest.messages.ptr, "3:sig;");
	CHECK(mux_send(guest.stream, 1, "out", 3) == 3);
	CHECK(mux_send(guest.stream, 2, "err", 3) == 3);
	mux_close(guest.stream);
	CHECK(carry(&guest, &host, piece, &err) == 0);
	CHECK_STR(host.got[1].ptr, "out");
	CHECK_STR(host.got[2].ptr, "err");
	CHECK(host.closed == 1);
	mux_close(host.stream);
	CHECK(carry(&host, &guest, piece, &err) == 0);
	side_done(&host);
	side_done(&guest);
}

static void test_credit(uint32_t credit)
{
	static char big[2 * LIMIT_STREAM_CREDIT];
	struct side host, guest;
	struct err err = {0};
	size_t sent = 0, n;

	side_init(&host, MUX_HOST);
	side_init(&guest, MUX_GUEST);
	guest.hold = true;
	guest.credit = credit;
	CHECK(mux_open(host.mux, 1, VIEW_LIT(""), &stream_ops, &host, &host.stream, &err) == 0);
	mux_set_credit(host.stream, credit);
	while ((n = mux_send(host.stream, 0, big, sizeof(big) - sent)) > 0) {
		sent += n;
		CHECK(carry(&host, &guest, 65536, &err) == 0);
	}
	CHECK(sent == credit);
	CHECK(guest.got[0].len == credit);
	CHECK(credit < LIMIT_STREAM_CREDIT || host.writable == BIT(0)); /* the queue held it */
	host.writable = 0;
	CHECK(mux_send(host.stream, 0, big, 1) == 0);
	CHECK(mux_send(host.stream, 1, "other", 5) == 5);
	mux_consumed(guest.stream, 0, credit);
	CHECK(carry(&host, &guest, 65536, &err) == 0);
	CHECK(carry(&guest, &host, 65536, &err) == 0);
	CHECK(host.writable == BIT(0));
	CHECK(mux_send(host.stream, 0, big, 10) == 10);
	side_done(&host);
	CHECK(host.closed == 1);
	side_done(&guest);
}

/* One frame from a peer that does not keep the rules must break the channel. */
static void expect_breach(struct side *to, const char *frame, size_t len, const char *what)
{
	struct err err = {0};

	CHECK(mux_receive(to->mux, frame, len, &err) < 0);
	CHECK(strstr(err.msg, what) != NULL);
	if (!strstr(err.msg, what))
		printf("# got '%s', want '%s'\n", err.msg, what);
	CHECK(mux_receive(to->mux, "x", 1, &err) < 0);
}

static void test_breaches(void)
{
	static const struct {
		const char *what, *bytes;
		size_t len;
	} cases[] = {
#define FRAME(what, bytes) {what, bytes, sizeof(bytes) - 1}
		FRAME("type or length", "\1\0\0\0\0\0\0\0\0\0\0\0"),
		FRAME("type or length", "\1\0\0\0\7\0\0\0\0\0\0\0"),
		FRAME("type or length", "\1\0\0\0\2\0\0\0\xff\xff\xff\x7f"),
		FRAME("type or length", "\1\0\0\0\5\0\0\0\1\0\1\0"),
		FRAME("type or length", "\1\0\0\0\3\0\0\0\1\0\0\0"),
		FRAME("bad header", "\1\0\0\0\2\3\0\0\1\0\0\0"),
		FRAME("bad header", "\1\0\0\0\2\0\1\0\1\0\0\0"),
		FRAME("no such stream", "\5\0\0\0\2\1\0\0\1\0\0\0"),
		FRAME("may not open", "\2\0\0\0\1\1\0\0\0\0\0\0"),
		FRAME("too much credit", "\1\0\0\0\4\0\0\0\4\0\0\0\xff\xff\xff\xff"),
		FRAME("no such stream", "\1\0\0\0\6\0\0\0\0\0\0\0\1\0\0\0\6\0\0\0\0\0\0\0"),
		FRAME("after the end", "\1\0\0\0\3\1\0\0\0\0\0\0\1\0\0\0\2\1\0\0\1\0\0\0x"),
#undef FRAME
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct side host;
		struct err err = {0};

		side_init(&host, MUX_HOST);
		CHECK(mux_open(host.mux, 1, VIEW_LIT(""), &stream_ops, &host, &host.stream, &err) ==
		      0);
		expect_breach(&host, cases[i].bytes, cases[i].len, cases[i].what);
		side_done(&host);
	}
}

/* An owner that closes and frees from inside its callbacks. */
static void on_data_close(void *ctx, unsigned channel, struct view bytes)
{
	struct side *side = ctx;

	(void)channel;
	(void)bytes;
	mux_close(side->stream);
	mux_free(STEAL(side->mux));
}

int main(void)
{
	static const struct mux_stream_ops closing_ops = {.data = on_data_close,
							  .closed = on_closed};
	struct side host;
	struct err err = {0};

	TEST("a conversation arrives whole, in pieces of every size");
	for (size_t piece = 1; piece < 40; piece++)
		test_conversation(piece);
	test_conversation(65536);

	TEST("a channel stops at its credit, alone, and goes on when it is given back");
	test_credit(LIMIT_STREAM_CREDIT);

	TEST("or at the credit that both sides have agreed on");
	test_credit(1000);

	TEST("a peer that breaks a rule is cut off");
	test_breaches();

	TEST("an owner may close its stream and free the mux from inside a callback");
	side_init(&host, MUX_HOST);
	CHECK(mux_open(host.mux, 1, VIEW_LIT(""), &closing_ops, &host, &host.stream, &err) == 0);
	CHECK(mux_receive(host.mux, "\1\0\0\0\2\1\0\0\1\0\0\0xtail", 17, &err) < 0);
	CHECK(host.mux == NULL && host.closed == 0);
	side_done(&host);
	return tap_done();
}
