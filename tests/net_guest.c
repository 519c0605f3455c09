// SPDX-License-Identifier: MIT
/* Frames of a guest, byte by byte: see net_guest.h. */
#include "net_guest.h"

#include "net/net.h"

#include <arpa/inet.h>
#include <assert.h>
#include <linux/virtio_net.h>
#include <netinet/ether.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static void put16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static void put_address(uint8_t *at, const char *text)
{
	in_addr_t address = inet_addr(text ? text : NET_GUEST_ADDRESS);

	memcpy(at, &address, sizeof(address));
}

static uint32_t sum(const uint8_t *bytes, size_t len)
{
	uint32_t total = 0;

	for (size_t i = 0; i < len; i++)
		total += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return total;
}

static uint16_t checksum(uint32_t total)
{
	while (total > 0xffff)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)~total;
}

void guest_raw(struct frame *ret_frame, uint16_t type, const void *bytes, size_t len)
{
	assert(ETH_HEADER + len <= FRAME_SIZE);
	*ret_frame = (struct frame){.len = ETH_HEADER + len};
	ether_aton_r(NET_GATEWAY_MAC, (struct ether_addr *)(void *)ret_frame->bytes);
	ether_aton_r(NET_GUEST_MAC, (struct ether_addr *)(void *)(ret_frame->bytes + 6));
	put16(ret_frame->bytes + 12, type);
	memcpy(ret_frame->bytes + ETH_HEADER, bytes, len);
}

/* The header of TCP or UDP at `at`; its length. */
static size_t put_transport(uint8_t *at, const struct packet *packet)
{
	put16(at, packet->from_port);
	put16(at + 2, packet->to_port);
	if (packet->protocol == IPPROTO_UDP) {
		put16(at + 4, UDP_HEADER + packet->len);
		return UDP_HEADER;
	}
	put32(at + 4, packet->seq);
	put32(at + 8, packet->ack);
	at[12] = TCP_HEADER / 4 << 4;
	at[13] = packet->flags;
	put16(at + 14, 65535);
	return TCP_HEADER;
}

/* `ip` to the end of the packet is there but for the checksums. */
static void put_checksums(uint8_t *ip, size_t header, size_t len, uint8_t protocol)
{
	size_t at = protocol == IPPROTO_TCP ? 16 : 6, payload = len - header;

	put16(ip + 10, checksum(sum(ip, header)));
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
		put16(ip + header + at, checksum(sum(ip + 12, 8) + protocol + (uint32_t)payload +
						 sum(ip + header, payload)));
	if (protocol == IPPROTO_ICMP)
		put16(ip + header + 2, checksum(sum(ip + header, payload)));
}

void guest_frame(struct frame *ret_frame, const struct packet *packet)
{
	uint8_t ip[FRAME_SIZE - ETH_HEADER] = {0};
	size_t header = IP_HEADER + packet->options_len, len = header;

	assert(header + TCP_HEADER + packet->len <= sizeof(ip));
	if (packet->options_len)
		memcpy(ip + IP_HEADER, packet->options, packet->options_len);
	if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP)
		len += put_transport(ip + header, packet);
	if (packet->len)
		memcpy(ip + len, packet->data, packet->len);
	len += packet->len;
	ip[0] = (uint8_t)(0x40 | header / 4);
	put16(ip + 2, len);
	put16(ip + 4, 0x1234);
	ip[8] = 64;
	ip[9] = packet->protocol;
	put_address(ip + 12, packet->from);
	put_address(ip + 16, packet->to);
	put_checksums(ip, header, len, packet->protocol);
	guest_raw(ret_frame, ETHERTYPE_IP, ip, len);
}

void guest_frame6(struct frame *ret_frame, const char *to, uint8_t protocol, const void *bytes,
		  size_t len)
{
	static const uint8_t checksum_at[256] = {
		[IPPROTO_TCP] = 16, [IPPROTO_UDP] = 6, [IPPROTO_ICMPV6] = 2};
	uint8_t ip[FRAME_SIZE - ETH_HEADER] = {0x60};

	assert(IP6_HEADER + len <= sizeof(ip));
	put16(ip + 4, len);
	ip[6] = protocol;
	ip[7] = 255;
	inet_pton(AF_INET6, "fe80::64ff:fe40:2", ip + 8);
	inet_pton(AF_INET6, to, ip + 24);
	memcpy(ip + IP6_HEADER, bytes, len);
	if (checksum_at[protocol])
		put16(ip + IP6_HEADER + checksum_at[protocol],
		      checksum(sum(ip + 8, 32) + protocol + (uint32_t)len +
			       sum(ip + IP6_HEADER, len)));
	guest_raw(ret_frame, ETHERTYPE_IPV6, ip, IP6_HEADER + len);
}

void guest_arp(struct frame *ret_frame, const char *whose)
{
	uint8_t arp[28] = {0, 1, 8, 0, 6, 4, 0, 1};

	ether_aton_r(NET_GUEST_MAC, (struct ether_addr *)(void *)(arp + 8));
	put_address(arp + 14, NULL);
	put_address(arp + 24, whose);
	guest_raw(ret_frame, ETHERTYPE_ARP, arp, sizeof(arp));
}

void guest_fragment(const struct frame *frame, size_t at, struct frame ret_parts[2])
{
	const uint8_t *ip = frame->bytes + ETH_HEADER;
	size_t payload = frame->len - ETH_HEADER - IP_HEADER;

	assert(at % 8 == 0 && at < payload);
	for (size_t i = 0; i < 2; i++) {
		size_t from = i ? at : 0, len = IP_HEADER + (i ? payload - at : at);
		uint8_t part[FRAME_SIZE - ETH_HEADER];

		memcpy(part, ip, IP_HEADER);
		memcpy(part + IP_HEADER, ip + IP_HEADER + from, len - IP_HEADER);
		put16(part + 2, len);
		put16(part + 6, (i ? 0 : 0x2000) | from / 8);
		put16(part + 10, 0);
		put16(part + 10, checksum(sum(part, IP_HEADER)));
		guest_raw(&ret_parts[i], ETHERTYPE_IP, part, len);
	}
}

void guest_send(int tap_fd, const struct frame *frame)
{
	uint8_t bytes[sizeof(struct virtio_net_hdr) + FRAME_SIZE] = {0};

	memcpy(bytes + sizeof(struct virtio_net_hdr), frame->bytes, frame->len);
	(void)!write(tap_fd, bytes, sizeof(struct virtio_net_hdr) + frame->len);
}

bool guest_receive(int tap_fd, struct frame *ret_frame, int timeout_ms)
{
	struct pollfd ready = {.fd = tap_fd, .events = POLLIN};
	uint8_t bytes[sizeof(struct virtio_net_hdr) + FRAME_SIZE];
	ssize_t got;

	if (poll(&ready, 1, timeout_ms) != 1)
		return false;
	got = read(tap_fd, bytes, sizeof(bytes));
	if (got <= (ssize_t)sizeof(struct virtio_net_hdr))
		return false;
	ret_frame->len = (size_t)got - sizeof(struct virtio_net_hdr);
	memcpy(ret_frame->bytes, bytes + sizeof(struct virtio_net_hdr), ret_frame->len);
	return true;
}

static bool is_ip(const struct frame *frame)
{
	return frame->len >= ETH_HEADER + IP_HEADER && frame->bytes[12] == 8 &&
	       frame->bytes[13] == 0;
}

uint8_t guest_protocol(const struct frame *frame)
{
	return is_ip(frame) ? frame->bytes[ETH_HEADER + 9] : 0;
}

const uint8_t *guest_payload(const struct frame *frame)
{
	return frame->bytes + ETH_HEADER + IP_HEADER;
}

bool guest_is_from(const struct frame *frame, const char *address)
{
	in_addr_t want = inet_addr(address);

	return is_ip(frame) && memcmp(frame->bytes + ETH_HEADER + 12, &want, sizeof(want)) == 0;
}

bool guest_is_arp_reply(const struct frame *frame, const char *whose)
{
	in_addr_t want = inet_addr(whose);

	return frame->len >= ETH_HEADER + 28 && frame->bytes[12] == 8 && frame->bytes[13] == 6 &&
	       frame->bytes[ETH_HEADER + 7] == 2 &&
	       memcmp(frame->bytes + ETH_HEADER + 14, &want, sizeof(want)) == 0;
}
