// SPDX-License-Identifier: MIT
/*
 * net_traffic: what goes into the sealed network of a VM and what comes out.  A guest that builds
 * its frames by hand looks for a way out; TCP and DNS arrive where they should, everything else is
 * dropped.  Run by root it does all of it twice: as root and as an ordinary user.
 */
#include "base/auto.h"
#include "net/net.h"
#include "net_guest.h"
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

static void check_silent(const struct net *net, const struct frame *frame, const char *name)
{
	if (is_silent(net, frame))
		return;
	printf("# %s was answered or arrived\n", name);
	CHECK(false);
}

#define TCP_SYN .protocol = IPPROTO_TCP, .from_port = 40000, .to_port = 443, .flags = SYN
#define QUERY	.protocol = IPPROTO_UDP, .from_port = 40000, .to_port = 53, .data = "query", .len = 5

static const uint8_t lsrr[] = {131, 7, 4, 8, 8, 8, 8, 0}, ssrr[] = {137, 7, 4, 8, 8, 8, 8, 0},
		     record_route[] = {7, 7, 4, 0, 0, 0, 0, 0};
static const uint8_t echo[] = {8, 0, 0, 0, 0, 1, 0, 1}, redirect[] = {5, 1, 0, 0, 8, 8, 8, 8};

#define PING	    .protocol = IPPROTO_ICMP, .data = echo, .len = sizeof(echo)
#define OPTIONS(of) .options = (of), .options_len = sizeof(of)

static const struct {
	const char *name;
	struct packet packet;
} silent_packets[] = {
	{"TCP to loopback", {.to = "127.0.0.1", TCP_SYN}},
	{"TCP to another loopback", {.to = "127.8.8.8", TCP_SYN}},
	{"TCP to 0.0.0.0", {.to = "0.0.0.0", TCP_SYN}},
	{"TCP to broadcast", {.to = "255.255.255.255", TCP_SYN}},
	{"TCP to the link's broadcast", {.to = "100.64.0.3", TCP_SYN}},
	{"TCP to multicast", {.to = "224.0.0.1", TCP_SYN}},
	{"TCP to class E", {.to = "240.0.0.1", TCP_SYN}},
	{"TCP from loopback", {.from = "127.0.0.1", .to = "8.8.8.8", TCP_SYN}},
	{"TCP from the gateway", {.from = NET_GATEWAY_ADDRESS, .to = "8.8.8.8", TCP_SYN}},
	{"TCP from a stranger", {.from = "8.8.4.4", .to = "8.8.8.8", TCP_SYN}},
	{"TCP from 0.0.0.0", {.from = "0.0.0.0", .to = "8.8.8.8", TCP_SYN}},
	{"TCP from broadcast", {.from = "100.64.0.3", .to = "8.8.8.8", TCP_SYN}},
	{"TCP with a loose source route", {.to = NET_GATEWAY_ADDRESS, TCP_SYN, OPTIONS(lsrr)}},
	{"TCP with a strict source route", {.to = NET_GATEWAY_ADDRESS, TCP_SYN, OPTIONS(ssrr)}},
	{"TCP that records its route", {.to = "8.8.8.8", TCP_SYN, OPTIONS(record_route)}},
	{"DNS to loopback", {.to = "127.0.0.53", QUERY}},
	{"DNS to multicast", {.to = "224.0.0.251", QUERY}},
	{"DNS to broadcast", {.to = "100.64.0.3", .from = "8.8.4.4", QUERY}},
	{"DNS from a stranger", {.from = "8.8.4.4", .to = "8.8.8.8", QUERY}},
	{"DNS with a source route", {.to = "8.8.8.8", QUERY, OPTIONS(lsrr)}},
	{"ping to the gateway", {.to = NET_GATEWAY_ADDRESS, PING}},
	{"ping to the world", {.to = "8.8.8.8", PING}},
	{"ping with a source route", {.to = NET_GATEWAY_ADDRESS, PING, OPTIONS(lsrr)}},
	{"a redirect",
	 {.to = NET_GATEWAY_ADDRESS,
	  .protocol = IPPROTO_ICMP,
	  .data = redirect,
	  .len = sizeof(redirect)}},
	{"IGMP", {.to = "224.0.0.1", .protocol = IPPROTO_IGMP, .data = echo, .len = 8}},
	{"IP in IP", {.to = NET_GATEWAY_ADDRESS, .protocol = IPPROTO_IPIP, .data = echo, .len = 8}},
	{"6in4", {.to = NET_GATEWAY_ADDRESS, .protocol = IPPROTO_IPV6, .data = echo, .len = 8}},
	{"GRE", {.to = NET_GATEWAY_ADDRESS, .protocol = IPPROTO_GRE, .data = echo, .len = 8}},
	{"ESP", {.to = NET_GATEWAY_ADDRESS, .protocol = IPPROTO_ESP, .data = echo, .len = 8}},
	{"SCTP", {.to = NET_GATEWAY_ADDRESS, .protocol = IPPROTO_SCTP, .data = echo, .len = 8}},
	{"UDP-Lite", {.to = "8.8.8.8", .protocol = IPPROTO_UDPLITE, .data = echo, .len = 8}},
	{"an unknown protocol", {.to = "8.8.8.8", .protocol = 253, .data = echo, .len = 8}},
	{"DHCP",
	 {.from = "0.0.0.0",
	  .to = "255.255.255.255",
	  .protocol = IPPROTO_UDP,
	  .from_port = 68,
	  .to_port = 67,
	  .data = "",
	  .len = 0}},
};

static void check_silent_packets(const struct net *net)
{
	struct frame frame, parts[2];

	TEST("what is no TCP or DNS of the guest gets no answer and arrives nowhere");
	for (size_t i = 0; i < ARRAY_SIZE(silent_packets); i++) {
		guest_frame(&frame, &silent_packets[i].packet);
		check_silent(net, &frame, silent_packets[i].name);
	}

	TEST("a part of a packet gets no answer");
	guest_frame(&frame, &(struct packet){.to = "9.9.9.9", QUERY});
	guest_fragment(&frame, 8, parts);
	check_silent(net, &parts[1], "the second part of a query");
	guest_frame(&frame, &(struct packet){.to = "9.9.9.9", TCP_SYN});
	guest_fragment(&frame, 8, parts);
	check_silent(net, &parts[0], "the first part of a SYN");
	frame.len = ETH_HEADER + IP_HEADER + 4;
	check_silent(net, &frame, "a SYN cut short");
	frame.len = ETH_HEADER + 7;
	check_silent(net, &frame, "an IP header cut short");
}

static const uint8_t neighbour_solicitation[24] = {135, [8] = 0xfe, 0x80, [20] = 0xfe, 0x40, 0, 1},
		     neighbour_advertisement[24] = {136, [4] = 0x20, [8] = 0xfe, 0x80, [23] = 1},
		     router_solicitation[8] = {133}, router_advertisement[16] = {134, [4] = 64},
		     echo6[8] = {128, [7] = 1}, listener_query[24] = {130},
		     syn6[20] = {0x9c, 0x40, 1, 0xbb, [12] = 0x50, SYN, 0xff, 0xff},
		     query6[13] = {0x9c, 0x40, 0, 53, 0, 13, [8] = 'q', 'u', 'e', 'r', 'y'},
		     hop_by_hop[8] = {IPPROTO_ICMPV6, 0, 5, 2}, fragment6[16] = {IPPROTO_ICMPV6};

#define BYTES(of) (of), sizeof(of)

static const struct {
	const char *name, *to;
	uint8_t protocol;
	const uint8_t *bytes;
	size_t len;
} silent_packets6[] = {
	{"a neighbour solicitation", "ff02::1:ff40:1", IPPROTO_ICMPV6,
	 BYTES(neighbour_solicitation)},
	{"a neighbour advertisement", "ff02::1", IPPROTO_ICMPV6, BYTES(neighbour_advertisement)},
	{"a router solicitation", "ff02::2", IPPROTO_ICMPV6, BYTES(router_solicitation)},
	{"a router advertisement", "ff02::1", IPPROTO_ICMPV6, BYTES(router_advertisement)},
	{"a multicast listener query", "ff02::1", IPPROTO_ICMPV6, BYTES(listener_query)},
	{"ping to all", "ff02::1", IPPROTO_ICMPV6, BYTES(echo6)},
	{"ping to the gateway", "fe80::64ff:fe40:1", IPPROTO_ICMPV6, BYTES(echo6)},
	{"ping to loopback", "::1", IPPROTO_ICMPV6, BYTES(echo6)},
	{"TCP", "2001:4860:4860::8888", IPPROTO_TCP, BYTES(syn6)},
	{"TCP to a mapped address", "::ffff:8.8.8.8", IPPROTO_TCP, BYTES(syn6)},
	{"TCP by NAT64", "64:ff9b::808:808", IPPROTO_TCP, BYTES(syn6)},
	{"DNS", "2001:4860:4860::8888", IPPROTO_UDP, BYTES(query6)},
	{"multicast DNS", "ff02::fb", IPPROTO_UDP, BYTES(query6)},
	{"a hop-by-hop header", "ff02::1", IPPROTO_HOPOPTS, BYTES(hop_by_hop)},
	{"a fragment", "ff02::1", IPPROTO_FRAGMENT, BYTES(fragment6)},
};

static void check_silent_packets6(const struct net *net)
{
	struct frame frame;

	TEST("nothing of IPv6 gets an answer or arrives");
	for (size_t i = 0; i < ARRAY_SIZE(silent_packets6); i++) {
		guest_frame6(&frame, silent_packets6[i].to, silent_packets6[i].protocol,
			     silent_packets6[i].bytes, silent_packets6[i].len);
		check_silent(net, &frame, silent_packets6[i].name);
	}
}

static const uint16_t silent_types[] = {
	0x8035 /* RARP */,  0x8847 /* MPLS */, 0x8863 /* PPPoE */,  0x8864,
	0x888e /* EAPOL */, 0x88cc /* LLDP */, 0x88e5 /* MACsec */, 0x0026 /* 802.3 */};

static void check_silent_frames(const struct net *net)
{
	static const char *const others[] = {"8.8.8.8",		"127.0.0.1",  "0.0.0.0",
					     NET_GUEST_ADDRESS, "100.64.0.3", "169.254.169.254"};
	struct frame syn, frame;
	uint8_t tagged[FRAME_SIZE] = {0, 5}; /* VLAN 5 */

	TEST("ARP is answered for the gateway only, and believed by nobody");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		guest_arp(&frame, others[i]);
		check_silent(net, &frame, others[i]);
	}
	guest_arp(&frame, NET_GUEST_ADDRESS);
	frame.bytes[ETH_HEADER + 7] = 2;
	frame.bytes[ETH_HEADER + 8 + 5] ^= 0xff;
	check_silent(net, &frame, "an ARP answer that moves the guest elsewhere");

	TEST("frames of VLANs, other protocols and other stations get no answer");
	guest_frame(&syn, &(struct packet){.to = "8.8.8.8", TCP_SYN});
	for (size_t i = 0; i < ARRAY_SIZE(silent_types); i++) {
		guest_raw(&frame, silent_types[i], syn.bytes + ETH_HEADER, syn.len - ETH_HEADER);
		check_silent(net, &frame, "a frame of another protocol");
	}
	memcpy(tagged + 2, syn.bytes + 12, syn.len - 12);
	guest_raw(&frame, 0x8100, tagged, syn.len - 10);
	check_silent(net, &frame, "a VLAN");
	guest_raw(&frame, 0x88a8, tagged, syn.len - 10);
	check_silent(net, &frame, "a provider's VLAN");
	frame = syn;
	frame.bytes[5] ^= 0xff;
	check_silent(net, &frame, "a frame to another station");
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
		guest_frame(&frame, &(struct packet){.to = servers[i], QUERY});
		CHECK(!answer_of(net->tap_fd, &frame, &answer));
		check_exchange(net, servers[i]);
	}
	guest_frame(&frame, &(struct packet){.to = "1.1.1.1", QUERY});
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
	guest_frame(&frame, &(struct packet){.to = "8.8.8.8", QUERY});
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
	check_silent_packets(&net);
	check_silent_packets6(&net);
	check_silent_frames(&net);
	check_tcp(&net);
	check_udp(&net);
	check_neighbours(&net);

	TEST("nothing comes late");
	CHECK(!guest_receive(net.tap_fd, &late, QUIET_MS) && nothing_arrived(&net));
	net_close(&net);
	return tap_done();
}
