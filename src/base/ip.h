// SPDX-License-Identifier: MIT
/*
 * IP addresses and ranges of them.  An IPv4 address is kept in its IPv4-mapped IPv6 form, so that
 * the two spellings of one address are the same 16 bytes and no check can be got round by the
 * other one.
 */
#pragma once

#include "base/err.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct ip {
	uint8_t bytes[16];
};

/* Addresses whose first `bits` of 128 are those of `base`, whose other bits are 0.  A range of
 * IPv6 holds no IPv4 address, however short its prefix. */
struct ip_net {
	struct ip base;
	uint8_t bits;
};

enum { IP_TEXT = INET6_ADDRSTRLEN, IP_NET_TEXT = IP_TEXT + 4 };

/* Reads "192.0.2.1" or "2001:db8::1"; nothing shorter, octal, bracketed or with a zone. */
bool ip_parse(const char *text, struct ip *ret_ip);
void ip_format(const struct ip *ip, char ret_text[IP_TEXT]);

/* The address of an AF_INET or AF_INET6 socket address; false for another family. */
bool ip_from_sockaddr(const struct sockaddr *address, struct ip *ret_ip);

/* The socket address of `ip`, AF_INET where it is an IPv4 address; returns its size. */
socklen_t ip_to_sockaddr(const struct ip *ip, uint16_t port, struct sockaddr_storage *ret_address);

bool ip_is_v4(const struct ip *ip);
bool ip_equals(const struct ip *a, const struct ip *b);

/* Reads "ADDRESS" or "ADDRESS/BITS".  ERR_INVALID with the reason alone, which says how a range
 * with bits behind its prefix would be written. */
int ip_net_parse(const char *text, struct ip_net *ret_net, struct err *err);
/* A range of one address is written without its prefix. */
void ip_net_format(const struct ip_net *net, char ret_text[IP_NET_TEXT]);

bool ip_net_contains(const struct ip_net *net, const struct ip *ip);
