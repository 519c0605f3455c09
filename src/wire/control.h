// SPDX-License-Identifier: MIT
/*
 * What other commands say to the supervisor of a sandbox, over the Unix socket VMDIR/control.sock
 * (SOCK_SEQPACKET: one packet a message).  One connection is one request:
 *
 *	client		REQUEST with descriptors, as many and in the order that its kind wants
 *	client		SIGNAL, RESIZE, LISTEN, as often as it likes
 *	supervisor	NOTE, as often as there is something to tell
 *	supervisor	EXITED, ANSWER, or FAILED with the reason; then the connection is closed
 *
 * A client that closes the connection gives its request up.
 *
 * EXEC	a command in the guest.  Descriptors: a struct agent_exec in sealed memory (base/sealed.h),
 *	standard input, output and error.  The supervisor reads and writes those three itself.  An
 *	empty user or directory is the sandbox's, env is added to the sandbox's.
 *
 * FORWARD	connections into the guest.  No descriptors; each LISTEN brings a listening TCP
 *	socket, which is the supervisor's from then on, and the guest's port that it leads to.
 *	NOTE tells of a connection that was not possible.  It ends with the client or the sandbox.
 *
 * ALLOW_LIST	what the guest may reach.  Descriptor: the request of wire/allow_list.h in sealed
 *	memory; that of ANSWER is its answer.
 */
#pragma once

#include "base/err.h"
#include "wire/agent.h"

#include <stddef.h>
#include <stdint.h>

#define CONTROL_SOCKET "control.sock"

enum {
	CONTROL_PROTOCOL = 3,
	CONTROL_FDS_MAX = 4, /* descriptors of one packet */
};

enum control_kind { CONTROL_EXEC = 1, CONTROL_FORWARD, CONTROL_ALLOW_LIST, CONTROL_KINDS };

enum control_type {
	/* client to supervisor */
	CONTROL_REQUEST = 1,
	CONTROL_SIGNAL, /* for the command's process group */
	CONTROL_RESIZE, /* of the command's terminal */
	CONTROL_LISTEN, /* with a socket */
	/* supervisor to client */
	CONTROL_FAILED,
	CONTROL_EXITED,
	CONTROL_NOTE,
	CONTROL_ANSWER, /* with a descriptor */
};

struct control_packet {
	enum control_type type;
	union {
		enum control_kind kind;	    /* REQUEST */
		uint32_t signal;	    /* SIGNAL */
		struct agent_size size;	    /* RESIZE */
		struct agent_failed failed; /* FAILED, NOTE */
		uint32_t exit_code;	    /* EXITED: 0..255 */
		uint16_t guest_port;	    /* LISTEN: not 0 */
	};
};

void control_pack(struct buf *buf, const struct control_packet *packet);

/* ERR_PROTOCOL on anything malformed, or from another version of the program.
 * control_packet_done() frees what a packet holds. */
int control_unpack(struct view bytes, struct control_packet *ret_packet, struct err *err);
void control_packet_done(struct control_packet *packet);

/* One packet over the socket.  The descriptors stay the caller's. */
int control_send(int sock, const struct control_packet *packet, const int *fds, size_t fd_count,
		 struct err *err);

/* The next packet: 1, or 0 when the peer has closed the connection, -1 with err.  Up to
 * CONTROL_FDS_MAX descriptors become the caller's. */
int control_receive(int sock, struct control_packet *ret_packet, int ret_fds[CONTROL_FDS_MAX],
		    size_t *ret_fd_count, struct err *err);
