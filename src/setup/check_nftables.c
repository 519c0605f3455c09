// SPDX-License-Identifier: MIT
/*
 * Whether a network namespace of one's own has nftables, which the network of a sandbox is made of.
 *
 * A child makes the namespaces and asks the kernel for the list of its tables; the kernel loads its
 * module for that.  The parent gets the error number of the first thing that failed.
 */
#include "setup/checks_internal.h"

#include "base/auto.h"
#include "base/proc.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROBE_MS = 20000, ANSWER_MAX = 4096 };

struct probe {
	int unshare_errno, errnum;
};

static int list_tables(void)
{
	const struct {
		struct nlmsghdr head;
		struct nfgenmsg body;
	} question = {
		.head = {.nlmsg_len = sizeof(question),
			 .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.version = NFNETLINK_V0},
	};
	AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	union {
		struct nlmsghdr head;
		char bytes[ANSWER_MAX];
	} answer;
	struct nlmsgerr failure;
	ssize_t len;

	if (fd < 0 || send(fd, &question, sizeof(question), 0) < 0)
		return errno;
	len = recv(fd, &answer, sizeof(answer), 0);
	if (len < 0)
		return errno;
	if ((size_t)len < NLMSG_LENGTH(sizeof(failure)) || answer.head.nlmsg_type != NLMSG_ERROR)
		return 0;
	memcpy(&failure, NLMSG_DATA(&answer.head), sizeof(failure));
	return -failure.error;
}

static void probe(void *arg ML_UNUSED, void *ret_result)
{
	struct probe *result = ret_result;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		result->unshare_errno = errno;
	else
		result->errnum = list_tables();
}

void check_nf_tables(const struct subject *subject ML_UNUSED, struct check_result *result)
{
	struct probe found = {0};
	struct err err;

	if (proc_call(probe, NULL, PROBE_MS, &found, sizeof(found), &err) < 0)
		check_set(result, CHECK_WARN, NULL, "nftables could not be tried: %s", err.msg);
	else if (found.unshare_errno != 0)
		check_set(result, CHECK_WARN, NULL,
			  "nftables cannot be tried without user namespaces (%s)",
			  strerror(found.unshare_errno));
	else if (found.errnum != 0)
		check_set(result, CHECK_FAIL, "sudo modprobe nf_tables",
			  "the kernel has no nftables (%s): only --no-network works",
			  strerror(found.errnum));
	else
		check_set(result, CHECK_PASS, NULL, "a sandbox can have its own nftables");
}
