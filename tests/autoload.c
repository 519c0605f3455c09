// SPDX-License-Identifier: MIT
/*
 * autoload DEVICE... : a static program for images that have nothing else.  Opens each device, asks
 * netfilter for its generation, and prints a line for each: "ok WHAT" or "WHAT: the error".  None
 * of them works unless the guest's kernel has found and loaded the module for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void tell(const char *what, int ok)
{
	if (ok)
		printf("ok %s\n", what);
	else
		printf("%s: %s\n", what, strerror(errno));
}

static int ask_nf_tables(void)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg generic;
	} request = {
		.head = {.nlmsg_len = sizeof(request),
			 .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
			 .nlmsg_flags = NLM_F_REQUEST},
		.generic = {.version = NFNETLINK_V0},
	};
	union {
		struct nlmsghdr head;
		char bytes[4096];
	} answer;
	int sock = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);

	if (sock < 0 || send(sock, &request, sizeof(request), 0) < 0 ||
	    recv(sock, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer.head))
		return 0;
	errno = EPROTONOSUPPORT;
	return answer.head.nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		tell(argv[i], open(argv[i], O_RDONLY | O_CLOEXEC) >= 0);
	tell("nf_tables", ask_nf_tables());
	return 0;
}
