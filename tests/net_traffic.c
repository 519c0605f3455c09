// SPDX-License-Identifier: MIT
/*
 * net_traffic: what goes into the sealed network of a VM and what comes out.  A guest that builds
 * its frames by hand looks for a way out; TCP and DNS arrive where they should, everything else is
 * dropped.  Run by root it does all of it twice: as root and as an ordinary user.
 */
#include "base/auto.h"
#include "net/net.h"
#include "net_guest.h"
#include "net_hostile.h"
#include "net_tun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { MTU = 1500, WAIT_MS = 5000, QUIET_MS = 200 };

/* What comes back before the answer to an ARP request, which is given at once and in order. */
static bool answer_of(int tap_fd, const struct frame *frame, struct frame *ret_answer)
{
	struct frame arp, next;
	bool any = false;

	guest_send(tap_fd, frame);
	guest_arp(&arp, NET_GATEWAY_ADDRESS);
	guest_send(tap_fd, &arp);
	while (guest_receive(tap_fd, &next, WAIT_MS)) {
		if (guest_is_arp_reply(&next, NET_GATEWAY_ADDRESS))
			return any;
		*ret_answer = next;
		any = true;
	}
	CHECK(false);
	return any;
}

/* No connection and no query has come. */
static bool nothing_arrived(const struct net *net)
{
	char byte;

	return accept4(net->tcp_fd, NULL, NULL, SOCK_CLOEXEC) < 0 && errno == EAGAIN &&
	       recv(net->udp_fd, &byte, 1, 0) < 0 && errno == EAGAIN;
}

static bool is_silent(const struct net *net, const struct frame *frame)
{
	struct frame answer;

	return !answer_of(net->tap_fd, frame, &answer) && nothing_arrived(net);
}

static void check_silent(void *ctx, const char *name, const struct frame *frame)
{
	if (is_silent(ctx, frame))
		return;
	printf("# %s was answered or arrived\n", name);
	CHECK(false);
}

static void check_hostile(struct net *net)
{
	TEST("what is no TCP or DNS of the guest gets no answer and arrives nowhere");
	hostile_packets(check_silent, net);

	TEST("a part of a packet gets no answer");
	hostile_fragments(check_silent, net);

	TEST("nothing of IPv6 gets an answer or arrives");
	hostile_packets6(check_silent, net);

	TEST("ARP is answered for the gateway only, and believed by nobody");
	hostile_arp(check_silent, net);

	TEST("frames of VLANs, other protocols and other stations get no answer");
	hostile_frames(check_silent, net);
}

/* ---- what arrives ---- */

static uint32_t number_at(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The whole life of a connection from a guest's frames to `to`: the listener sees whom the guest
 * wanted, bytes pass both ways. */
static bool connects(const struct net *net, const char *to, uint16_t port)
{
	struct packet packet = {.to = to,
				.protocol = IPPROTO_TCP,
				.from_port = 40001,
				.to_port = port,
				.flags = SYN,
				.seq = 1000};
	struct sockaddr_in wanted = {0}, guest = {0};
	socklen_t len = sizeof(wanted);
	struct frame frame, answer;
	AUTO_FD int fd = -1;
	char word[8] = "";

	guest_frame(&frame, &packet);
	if (!answer_of(net->tap_fd, &frame, &answer) || !guest_is_from(&answer, to) ||
	    guest_protocol(&answer) != IPPROTO_TCP || guest_payload(&answer)[13] != (SYN | ACK))
		return false;
	packet.seq = 1001;
	packet.ack = number_at(guest_payload(&answer) + 4) + 1;
	packet.flags = ACK | PSH;
	packet.data = "hello";
	packet.len = 5;
	guest_frame(&frame, &packet);
	answer_of(net->tap_fd, &frame, &answer);
	fd = accept4(net->tcp_fd, (struct sockaddr *)&guest, &len, SOCK_CLOEXEC);
	if (fd < 0 || getsockname(fd, (struct sockaddr *)&wanted, &len) < 0 ||
	    recv(fd, word, sizeof(word), MSG_DONTWAIT) != 5 || write(fd, "answer", 6) != 6)
		return false;
	if (!guest_receive(net->tap_fd, &answer, WAIT_MS) || !guest_is_from(&answer, to))
		return false;
	packet = (struct packet){.to = to,
				 .protocol = IPPROTO_TCP,
				 .from_port = 40001,
				 .to_port = port,
				 .flags = RST,
				 .seq = 1006};
	guest_frame(&frame, &packet);
	guest_send(net->tap_fd, &frame);
	return memcmp(answer.bytes + answer.len - 6, "answer", 6) == 0 &&
	       strcmp(word, "hello") == 0 && wanted.sin_addr.s_addr == inet_addr(to) &&
	       ntohs(wanted.sin_port) == port && ntohs(guest.sin_port) == 40001 &&
	       guest.sin_addr.s_addr == inet_addr(NET_GUEST_ADDRESS);
}

static void check_tcp(const struct net *net)
{
	static const struct {
		const char *address;
		uint16_t port;
	} targets[] = {
		{"93.184.216.34", 443}, {"8.8.8.8", 53},	  {"169.254.169.254", 80},
		{"10.0.0.1", 22},	{"192.168.1.1", 80},	  {"198.18.0.1", 65535},
		{"223.255.255.255", 1}, {NET_GATEWAY_ADDRESS, 1}, {NET_GATEWAY_ADDRESS, 53},
	};
	struct frame frame, answer;

	TEST("TCP to any address and port reaches the listener, which sees whom the guest wanted");
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		if (connects(net, targets[i].address, targets[i].port))
			continue;
		printf("# %s port %u\n", targets[i].address, targets[i].port);
		CHECK(false);
	}

	TEST("a segment of a connection that is not known, as after a restore, is reset at once");
	guest_frame(&frame, &(struct packet){.to = "8.8.8.8",
					     .protocol = IPPROTO_TCP,
					     .from_port = 40002,
					     .to_port = 443,
					     .flags = ACK});
	CHECK(answer_of(net->tap_fd, &frame, &answer) && guest_is_from(&answer, "8.8.8.8") &&
	      (guest_payload(&answer)[13] & RST));
	CHECK(nothing_arrived(net));
}

/* Takes the query that waits; the server that was asked, or NULL. */
static const char *take_query(int udp_fd, struct sockaddr_in *ret_from)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
		struct cmsghdr align;
	} control;
	char text[16];
	struct iovec iov = {text, sizeof(text)};
	struct msghdr msg = {.msg_name = ret_from,
			     .msg_namelen = sizeof(*ret_from),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg;
	struct in_pktinfo info;

	if (recvmsg(udp_fd, &msg, 0) != 5 || memcmp(text, "query", 5) != 0)
		return NULL;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != IP_PKTINFO)
		return NULL;
	memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
	return inet_ntoa(info.ipi_addr);
}

static bool answer_query(int udp_fd, const struct sockaddr_in *to, const char *from)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
		struct cmsghdr align;
	} control = {0};
	char text[] = "reply";
	struct iovec iov = {text, 5};
	struct msghdr msg = {.msg_name = (void *)to,
			     .msg_namelen = sizeof(*to),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	struct in_pktinfo info = {.ipi_spec_dst.s_addr = inet_addr(from)};

	cmsg->cmsg_level = IPPROTO_IP;
	cmsg->cmsg_type = IP_PKTINFO;
	cmsg->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(cmsg), &info, sizeof(info));
	return sendmsg(udp_fd, &msg, 0) == 5;
}

/* The query that waits was sent to `server`, and its answer comes from there. */
static void check_exchange(const struct net *net, const char *server)
{
	struct sockaddr_in guest = {0};
	struct frame answer;
	const char *asked = take_query(net->udp_fd, &guest);

	CHECK_STR(asked, server);
	CHECK(ntohs(guest.sin_port) == 40000);
	CHECK(answer_query(net->udp_fd, &guest, server));
	CHECK(guest_receive(net->tap_fd, &answer, WAIT_MS) && guest_is_from(&answer, server) &&
	      guest_protocol(&answer) == IPPROTO_UDP && guest_payload(&answer)[1] == 53 &&
	      memcmp(guest_payload(&answer) + UDP_HEADER, "reply", 5) == 0);
}

static void check_udp(const struct net *net)
{
	static const char *const servers[] = {"8.8.8.8", NET_GATEWAY_ADDRESS, "10.0.0.53"};
	struct frame frame, parts[2], answer;

	TEST("DNS to any server reaches the socket, and is answered in the server's name");
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		guest_frame(&frame, &(struct packet){.to = servers[i], PACKET_QUERY});
		CHECK(!answer_of(net->tap_fd, &frame, &answer));
		check_exchange(net, servers[i]);
	}
	guest_frame(&frame, &(struct packet){.to = "1.1.1.1", PACKET_QUERY});
	guest_fragment(&frame, 8, parts);
	guest_send(net->tap_fd, &parts[1]);
	guest_send(net->tap_fd, &parts[0]);
	check_exchange(net, "1.1.1.1");

	TEST("other UDP is refused at once, by the gateway");
	guest_frame(&frame, &(struct packet){.to = "8.8.8.8",
					     .protocol = IPPROTO_UDP,
					     .from_port = 40000,
					     .to_port = 443,
					     .data = "quic",
					     .len = 4});
	CHECK(answer_of(net->tap_fd, &frame, &answer));
	CHECK(guest_protocol(&answer) == IPPROTO_ICMP && guest_payload(&answer)[0] == 3 &&
	      guest_payload(&answer)[1] == 13);
	CHECK(nothing_arrived(net));
}

static void check_neighbours(const struct net *net)
{
	struct net other = NET_INIT;
	struct err err = {0};
	struct frame frame, answer;

	TEST("two networks with the same addresses know nothing of each other");
	CHECK(net_open(MTU, &other, &err) == 0);
	CHECK(connects(&other, "8.8.8.8", 443) && connects(net, "8.8.8.8", 443));
	guest_frame(&frame, &(struct packet){.to = "8.8.8.8", PACKET_QUERY});
	CHECK(!answer_of(other.tap_fd, &frame, &answer));
	CHECK(nothing_arrived(net) && !nothing_arrived(&other));
	CHECK(!guest_receive(net->tap_fd, &answer, 0) && !guest_receive(other.tap_fd, &answer, 0));
	net_close(&other);
}

int main(int argc, char **argv)
{
	struct net net = NET_INIT;
	struct frame late;
	struct err err = {0};

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (geteuid() == 0)
		run_as_tun_user(argc, argv);
	TEST("a sealed network");
	if (net_open(MTU, &net, &err) < 0) {
		printf("# %s\n", err.msg);
		if (err.code == ERR_UNAVAILABLE)
			SKIP("not to be had here");
		else
			CHECK(false);
		return tap_done();
	}
	check_hostile(&net);
	check_tcp(&net);
	check_udp(&net);
	check_neighbours(&net);

	TEST("nothing comes late");
	CHECK(!guest_receive(net.tap_fd, &late, QUIET_MS) && nothing_arrived(&net));
	net_close(&net);
	return tap_done();
}
