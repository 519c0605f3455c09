// SPDX-License-Identifier: MIT
/*
 * The guest's name server: see dns_server.h.  Here are its UDP socket and its two other parts:
 * dns_tcp for connections, dns_responder for what is answered.
 *
 * Happy path: a batch of queries is read, each with the server that the guest asked, and answered
 * in that server's name, at once or when the host's resolver has.
 * Failure modes: what is no query gets no answer.  An answer that the socket does not take is lost,
 * as any datagram may be: the guest asks again.
 */
#include "gateway/dns_server.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "gateway/dns_responder.h"
#include "gateway/dns_tcp.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BATCH = 32,
	BATCHES = 4, /* before others have their turn */
};

union control {
	char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct cmsghdr align;
};

struct dns_server {
	uv_poll_t poll;
	int udp_fd;
	struct dns_responder *responder;
	struct dns_tcp *tcp;
};

/* Who waits for an answer. */
struct asker {
	struct dns_server *server;
	struct sockaddr_in guest;
	struct in_addr asked; /* the server that the guest believes in */
};

/* What one recvmmsg() fills. */
struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec iovs[BATCH];
	struct sockaddr_in guests[BATCH];
	union control controls[BATCH];
	char bytes[BATCH][LIMIT_DNS_QUERY];
};

static void send_answer(const struct asker *asker, struct view message)
{
	const struct in_pktinfo info = {.ipi_spec_dst = asker->asked};
	struct sockaddr_in guest = asker->guest;
	struct iovec iov = {(char *)message.ptr, message.len};
	union control control = {0};
	struct msghdr header = {.msg_name = &guest,
				.msg_namelen = sizeof(guest),
				.msg_iov = &iov,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);

	cmsg->cmsg_level = IPPROTO_IP;
	cmsg->cmsg_type = IP_PKTINFO;
	cmsg->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(cmsg), &info, sizeof(info));
	(void)sendmsg(asker->server->udp_fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void on_answer(void *ctx, const struct dns_query *query, const struct dns_answer *answer)
{
	AUTO_BUF struct buf message = BUF_INIT(LIMIT_DNS_UDP);
	struct asker *asker = ctx;

	if (answer) {
		dns_answer(query, answer, DNS_UDP, &message);
		send_answer(asker, (struct view){message.ptr, message.len});
	}
	free(asker);
}

static bool take_asked(struct msghdr *header, struct in_addr *ret_asked)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(header);
	struct in_pktinfo info;

	if (!cmsg || cmsg->cmsg_level != IPPROTO_IP || cmsg->cmsg_type != IP_PKTINFO)
		return false;
	memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
	*ret_asked = info.ipi_addr;
	return true;
}

static void take_query(struct dns_server *server, struct mmsghdr *message)
{
	struct msghdr *header = &message->msg_hdr;
	struct view query = {header->msg_iov->iov_base, message->msg_len};
	struct asker *asker = xcalloc(1, sizeof(*asker));

	asker->server = server;
	asker->guest = *(struct sockaddr_in *)header->msg_name;
	if ((header->msg_flags & MSG_TRUNC) || !take_asked(header, &asker->asked) ||
	    !dns_responder_ask(server->responder, query, on_answer, asker))
		free(asker);
}

static void batch_clear(struct batch *batch)
{
	for (size_t i = 0; i < BATCH; i++) {
		batch->iovs[i] = (struct iovec){batch->bytes[i], sizeof(batch->bytes[i])};
		batch->messages[i].msg_hdr =
			(struct msghdr){.msg_name = &batch->guests[i],
					.msg_namelen = sizeof(batch->guests[i]),
					.msg_iov = &batch->iovs[i],
					.msg_iovlen = 1,
					.msg_control = &batch->controls[i],
					.msg_controllen = sizeof(batch->controls[i])};
	}
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct dns_server *server = poll->data;
	struct batch batch;

	(void)status; /* errors of the socket are read and forgotten: there is no connection */
	(void)events;
	for (int i = 0; i < BATCHES; i++) {
		int count;

		batch_clear(&batch);
		count = recvmmsg(server->udp_fd, batch.messages, BATCH, MSG_DONTWAIT, NULL);
		for (int j = 0; j < count; j++)
			take_query(server, &batch.messages[j]);
		if (count < BATCH)
			break;
	}
}

/* --- open and close --- */

int dns_server_open(struct gateway *gateway, int udp_fd, struct dns_server **ret_server,
		    struct err *err)
{
	struct dns_server *server = xcalloc(1, sizeof(*server));
	int status = uv_poll_init(gateway->loop, &server->poll, udp_fd);

	if (status < 0) {
		free(server);
		close(udp_fd);
		return err_set(err, ERR_IO, "watch the DNS socket: %s", uv_strerror(status));
	}
	server->udp_fd = udp_fd;
	server->poll.data = server;
	server->responder = dns_responder_new(gateway);
	server->tcp = dns_tcp_new(gateway->loop, server->responder);
	uv_poll_start(&server->poll, UV_READABLE, on_readable);
	*ret_server = server;
	return 0;
}

void dns_server_accept(struct dns_server *server, int fd)
{
	dns_tcp_accept(server->tcp, fd);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void dns_server_close(struct dns_server *server)
{
	if (!server)
		return;
	dns_responder_free(server->responder);
	dns_tcp_close(server->tcp);
	uv_close((uv_handle_t *)&server->poll, on_closed);
	close(server->udp_fd);
}
