// SPDX-License-Identifier: MIT
/*
 * Packets between commands and supervisors: see control.h.  A packet is a byte for its type and
 * what wire/agent.h has for its content; a request begins with the version of both.
 */
#include "wire/control.h"

#include "base/fd.h"
#include "base/limits.h"
#include "wire/pack.h"

#include <unistd.h>

/* Requests carry messages of the agent, so they are of one version only together. */
static const uint32_t version = CONTROL_PROTOCOL << 16 | AGENT_PROTOCOL;

void control_pack(struct buf *buf, const struct control_packet *packet)
{
	pack_u8(buf, (uint8_t)packet->type);
	switch (packet->type) {
	case CONTROL_REQUEST:
		pack_u32(buf, version);
		pack_u8(buf, (uint8_t)packet->kind);
		break;
	case CONTROL_SIGNAL:
		agent_signal_pack(buf, packet->signal);
		break;
	case CONTROL_RESIZE:
		agent_size_pack(buf, &packet->size);
		break;
	case CONTROL_FAILED:
	case CONTROL_NOTE:
		agent_failed_pack(buf, &packet->failed);
		break;
	case CONTROL_EXITED:
		pack_u32(buf, packet->exit_code);
		break;
	case CONTROL_LISTEN:
		pack_u32(buf, packet->guest_port);
		break;
	case CONTROL_ANSWER:
		break;
	}
}

static int unpack_request(struct view bytes, enum control_kind *ret_kind, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	uint32_t theirs = unpack_u32(&in);
	uint8_t kind;

	if (!in.failed && theirs != version)
		return err_set(err, ERR_PROTOCOL,
			       "the sandbox was started by another version of matchlock: start it "
			       "again with this one");
	kind = unpack_u8(&in);
	if (kind == 0 || kind >= CONTROL_KINDS)
		in.failed = true;
	if (unpack_done(&in, "request", err) < 0)
		return -1;
	*ret_kind = (enum control_kind)kind;
	return 0;
}

static int unpack_exited(struct view bytes, uint32_t *ret_code, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	uint32_t code = unpack_u32(&in);

	if (code > 255)
		in.failed = true;
	if (unpack_done(&in, "exit message", err) < 0)
		return -1;
	*ret_code = code;
	return 0;
}

static int unpack_nothing(struct view bytes, struct err *err)
{
	struct unpack in = unpack_of(bytes);

	return unpack_done(&in, "answer", err);
}

static int unpack_listen(struct view bytes, uint16_t *ret_port, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	uint32_t port = unpack_u32(&in);

	if (port == 0 || port > UINT16_MAX)
		in.failed = true;
	if (unpack_done(&in, "listen message", err) < 0)
		return -1;
	*ret_port = (uint16_t)port;
	return 0;
}

static int unpack_content(struct view bytes, struct control_packet *packet, struct err *err)
{
	switch (packet->type) {
	case CONTROL_REQUEST:
		return unpack_request(bytes, &packet->kind, err);
	case CONTROL_SIGNAL:
		return agent_signal_unpack(bytes, &packet->signal, err);
	case CONTROL_RESIZE:
		return agent_size_unpack(bytes, &packet->size, err);
	case CONTROL_FAILED:
	case CONTROL_NOTE:
		return agent_failed_unpack(bytes, &packet->failed, err);
	case CONTROL_EXITED:
		return unpack_exited(bytes, &packet->exit_code, err);
	case CONTROL_LISTEN:
		return unpack_listen(bytes, &packet->guest_port, err);
	case CONTROL_ANSWER:
		return unpack_nothing(bytes, err);
	}
	return err_set(err, ERR_PROTOCOL, "control message: unknown type %u",
		       (unsigned)packet->type);
}

int control_unpack(struct view bytes, struct control_packet *ret_packet, struct err *err)
{
	struct control_packet packet = {0};

	if (bytes.len == 0)
		return err_set(err, ERR_PROTOCOL, "control message: empty");
	packet.type = (enum control_type)(unsigned char)bytes.ptr[0];
	if (unpack_content((struct view){bytes.ptr + 1, bytes.len - 1}, &packet, err) < 0)
		return -1;
	*ret_packet = packet;
	return 0;
}

void control_packet_done(struct control_packet *packet)
{
	if (packet->type == CONTROL_FAILED || packet->type == CONTROL_NOTE)
		agent_failed_done(&packet->failed);
	*packet = (struct control_packet){0};
}

int control_send(int sock, const struct control_packet *packet, const int *fds, size_t fd_count,
		 struct err *err)
{
	AUTO_BUF struct buf buf = BUF_INIT(LIMIT_CONTROL_PACKET);

	control_pack(&buf, packet);
	if (buf_check(&buf, "control message", err) < 0)
		return -1;
	return fd_send(sock, buf.ptr, buf.len, fds, fd_count, err);
}

int control_receive(int sock, struct control_packet *ret_packet, int ret_fds[CONTROL_FDS_MAX],
		    size_t *ret_fd_count, struct err *err)
{
	char bytes[LIMIT_CONTROL_PACKET + 1]; /* a byte more: what fills it was too long */
	ssize_t got =
		fd_recv(sock, bytes, sizeof(bytes), ret_fds, CONTROL_FDS_MAX, ret_fd_count, err);
	int status;

	if (got <= 0)
		return (int)got;
	if ((size_t)got == sizeof(bytes))
		status = err_set(err, ERR_LIMIT, "control message is larger than %d bytes",
				 LIMIT_CONTROL_PACKET);
	else
		status = control_unpack((struct view){bytes, (size_t)got}, ret_packet, err);
	if (status == 0)
		return 1;
	while (*ret_fd_count > 0)
		close(ret_fds[--*ret_fd_count]);
	return -1;
}
