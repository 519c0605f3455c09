// SPDX-License-Identifier: MIT
/*
 * Netlink: one socket, one send, one acknowledgement for each message that asks for one.  The
 * kernel has done all of it when the send returns; the sequence number of an answer is the index of
 * its message.  Sizes are ours, hence asserted.
 */
#include "net/netlink.h"

#include "base/attr.h"
#include "base/auto.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

static char *batch_end(const struct netlink_batch *batch)
{
	return batch->last ? mnl_nlmsg_get_payload_tail(batch->last) : (char *)batch->bytes;
}

struct nlmsghdr *netlink_add(struct netlink_batch *batch, int type, int flags, const char *what)
{
	char *end = batch_end(batch);

	assert(batch->count < NETLINK_MESSAGES);
	assert(!batch->last || batch->last->nlmsg_len <= NETLINK_MESSAGE_BYTES);
	assert(end + NETLINK_MESSAGE_BYTES <= batch->bytes + sizeof(batch->bytes));
	batch->last = mnl_nlmsg_put_header(end);
	batch->last->nlmsg_type = (uint16_t)type;
	batch->last->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	batch->last->nlmsg_seq = batch->count;
	batch->what[batch->count++] = what;
	return batch->last;
}

static unsigned answers_wanted(const struct netlink_batch *batch)
{
	const char *end = batch_end(batch);
	unsigned wanted = 0;

	for (const char *at = batch->bytes; at < end;) {
		const struct nlmsghdr *message = (const void *)at;

		wanted += (message->nlmsg_flags & NLM_F_ACK) != 0;
		at += NLMSG_ALIGN(message->nlmsg_len);
	}
	return wanted;
}

static int fail(const struct netlink_batch *batch, unsigned index, int errnum, struct err *err)
{
	const char *what = index < batch->count ? batch->what[index] : "netlink";

	switch (errnum) {
	case ENOENT:
	case EAFNOSUPPORT:
	case EOPNOTSUPP:
	case EPROTONOSUPPORT:
		return err_set(err, ERR_UNAVAILABLE, "this host's kernel lacks %s", what);
	default:
		return err_sys(err, errnum, "%s", what);
	}
}

/* Counts the results in one packet; -1 at a failure. */
static int read_answers(const struct netlink_batch *batch, int fd, unsigned *count, struct err *err)
{
	_Alignas(8) char bytes[4096];
	ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
	int left = (int)got;

	if (got < 0 && errno == EINTR)
		return 0;
	if (got < 0)
		return err_sys(err, errno, "netlink: receive");
	for (const struct nlmsghdr *answer = (void *)bytes; mnl_nlmsg_ok(answer, left);
	     answer = mnl_nlmsg_next(answer, &left)) {
		const struct nlmsgerr *result = mnl_nlmsg_get_payload(answer);

		if (answer->nlmsg_type != NLMSG_ERROR)
			continue;
		if (result->error)
			return fail(batch, answer->nlmsg_seq, -result->error, err);
		++*count;
	}
	return 0;
}

int netlink_run(int protocol, const struct netlink_batch *batch, struct err *err)
{
	AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	size_t len = (size_t)(batch_end(batch) - batch->bytes);
	unsigned wanted = answers_wanted(batch), count = 0;

	if (fd < 0)
		return fail(batch, 0, errno, err);
	if (sendto(fd, batch->bytes, len, 0, (const void *)&kernel, sizeof(kernel)) < 0)
		return err_sys(err, errno, "netlink: send");
	while (count < wanted) {
		if (read_answers(batch, fd, &count, err) < 0)
			return -1;
	}
	return 0;
}
