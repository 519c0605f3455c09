// SPDX-License-Identifier: MIT
/*
 * Many streams over one byte stream, the same code on the host and in the guest.  No I/O here:
 *bytes go in by mux_receive() and come out by mux_output(); wire/channel.h pumps them.
 *
 * A frame is a 12-byte header and a payload; integers are little-endian:
 *
 *	u32 stream   chosen by the side that opens it: odd by the host, even by the guest, never
 *reused u8  type     enum mux_frame u8  channel  0..2 of the stream (DATA, END, CREDIT), the kind
 *(OPEN) or message type (MESSAGE) u16 zero u32 length   of the payload
 *
 * A stream is one conversation: an OPEN with a request, messages both ways, and up to three byte
 * channels both ways, each with its own credit: a sender may have LIMIT_STREAM_CREDIT bytes out
 *that the receiver has not yet passed on.  It ends when both sides have sent CLOSE.  A peer that
 *breaks a rule (unknown frame, over its credit, too long a message) makes mux_receive() fail for
 *good.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MUX_HEADER_SIZE = 12, MUX_CHANNELS = 3 };

enum mux_frame {
	MUX_OPEN = 1, /* payload: the request */
	MUX_DATA,     /* payload: bytes of the channel */
	MUX_END,      /* no more DATA on the channel; no payload */
	MUX_CREDIT,   /* payload: u32, so many more bytes may be sent on the channel */
	MUX_MESSAGE,  /* payload: the message */
	MUX_CLOSE,    /* nothing more on this stream from the sender; no payload */
};

enum mux_side { MUX_HOST, MUX_GUEST };

struct mux;
struct mux_stream;

/* What the owner of a stream is told.  Every one but `closed` may be NULL: the frame is then a
 * breach of the rules by the peer.  Views are valid during the call only. */
struct mux_stream_ops {
	/* Bytes arrived.  Call mux_consumed() when they have been passed on. */
	void (*data)(void *ctx, unsigned channel, struct view bytes);
	void (*end)(void *ctx, unsigned channel);
	void (*message)(void *ctx, uint8_t type, struct view payload);
	/* There is room again after mux_reserve() gave none. */
	void (*writable)(void *ctx, unsigned channel);
	/* The peer sent CLOSE, or the mux is being freed.  Answer with mux_close() if that has not
	 * been called yet; nothing is called after this. */
	void (*closed)(void *ctx);
};

struct mux_ops {
	/* The peer opened a stream.  Call mux_accept(), or mux_close() to refuse.  NULL: the peer
	 * may not open any. */
	void (*opened)(void *ctx, struct mux_stream *stream, uint8_t kind, struct view request);
	/* Output is waiting.  Called whenever some was added. */
	void (*output)(void *ctx);
};

/* `max_message` bounds the payload of OPEN and MESSAGE that the peer may send. */
struct mux *mux_new(enum mux_side side, size_t max_message, const struct mux_ops *ops, void *ctx);

/* Tells every stream `closed` and frees all; allowed from within a callback. */
void mux_free(struct mux *mux);

/* In `closed`: true when all streams end, false when the peer ended this one. */
bool mux_is_ending(const struct mux_stream *stream);

/* Takes bytes from the peer.  -1 (ERR_PROTOCOL, ERR_LIMIT) is final: stop reading, free the mux. */
int mux_receive(struct mux *mux, const void *bytes, size_t len, struct err *err);

/* What is waiting to be written to the peer, and how much of it has been. */
struct view mux_output(const struct mux *mux);
void mux_written(struct mux *mux, size_t len);

/* Opens a stream.  ERR_LIMIT when too many are open or the request is longer than the peer
 * takes (LIMIT_MESSAGE_TO_GUEST or LIMIT_MESSAGE_TO_HOST). */
int mux_open(struct mux *mux, uint8_t kind, struct view request, const struct mux_stream_ops *ops,
	     void *ctx, struct mux_stream **ret_stream, struct err *err);

/* In `opened`: from now on `ops` are told. */
void mux_accept(struct mux_stream *stream, const struct mux_stream_ops *ops, void *ctx);

/* The stream's channels get this credit instead of LIMIT_STREAM_CREDIT: for streams of which there
 * may be many.  Both sides say the same number, right after mux_open() and in `opened`. */
void mux_set_credit(struct mux_stream *stream, uint32_t credit);

/* Room for up to *ret_room (at least 1) bytes of DATA, to be filled at once and then committed: so
 * that read(2) puts them into the frame.  NULL when credit or queue is used up; `writable` tells.
 */
char *mux_reserve(struct mux_stream *stream, unsigned channel, size_t *ret_room);
/* `len` of the reserved bytes are good (0: none). */
void mux_commit(struct mux_stream *stream, unsigned channel, size_t len);

/* The same by copy.  Returns how many bytes were taken. */
size_t mux_send(struct mux_stream *stream, unsigned channel, const void *bytes, size_t len);

void mux_end(struct mux_stream *stream, unsigned channel);
void mux_message(struct mux_stream *stream, uint8_t type, struct view payload);

/* `len` bytes given to `data` have been passed on: the peer may send as many more. */
void mux_consumed(struct mux_stream *stream, unsigned channel, size_t len);

/* Sends CLOSE and forgets the owner: no callback after this.  `stream` is invalid afterwards. */
void mux_close(struct mux_stream *stream);
