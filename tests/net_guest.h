// SPDX-License-Identifier: MIT
/*
 * A guest that sends what it likes: frames written straight to a TAP, and what comes back.  Built
 * byte by byte, since a kernel would refuse to send most of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FRAME_SIZE = 2048,
	ETH_HEADER = 14,
	IP_HEADER = 20,
	IP6_HEADER = 40,
	TCP_HEADER = 20,
	UDP_HEADER = 8
};

enum { SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct frame {
	uint8_t bytes[FRAME_SIZE]; /* from the Ethernet header on */
	size_t len;
};

/* One IPv4 packet of the guest, or of who it claims to be. */
struct packet {
	const char *from, *to; /* NULL: the guest's address */
	uint8_t protocol;
	uint16_t from_port, to_port; /* TCP and UDP */
	uint8_t flags;		     /* TCP */
	uint32_t seq, ack;	     /* TCP */
	const void *data;
	size_t len;
	const uint8_t *options; /* of IP; a multiple of four bytes */
	size_t options_len;
};

#define PACKET_SYN .protocol = IPPROTO_TCP, .from_port = 40000, .to_port = 443, .flags = SYN
#define PACKET_QUERY \
	.protocol = IPPROTO_UDP, .from_port = 40000, .to_port = 53, .data = "query", .len = 5

void guest_frame(struct frame *ret_frame, const struct packet *packet);
/* An IPv6 packet of the guest's link-local address; its checksum, if `protocol` has one, is filled
 * in. */
void guest_frame6(struct frame *ret_frame, const char *to, uint8_t protocol, const void *bytes,
		  size_t len);
/* Any other: the header with this type, then `bytes`. */
void guest_raw(struct frame *ret_frame, uint16_t type, const void *bytes, size_t len);
void guest_arp(struct frame *ret_frame, const char *whose);
/* Cuts the frame's IP payload at `at`, a multiple of eight, into two fragments. */
void guest_fragment(const struct frame *frame, size_t at, struct frame ret_parts[2]);

void guest_send(int tap_fd, const struct frame *frame);
/* The next frame from the namespace; false when none comes within `timeout_ms`. */
bool guest_receive(int tap_fd, struct frame *ret_frame, int timeout_ms);

/* Fields of a received IPv4 frame; 0 if it is none. */
uint8_t guest_protocol(const struct frame *frame);
const uint8_t *guest_payload(const struct frame *frame); /* behind the IP header */
/* Whether it comes from this address. */
bool guest_is_from(const struct frame *frame, const char *address);
bool guest_is_arp_reply(const struct frame *frame, const char *whose);
