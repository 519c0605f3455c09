// SPDX-License-Identifier: MIT
/* IP addresses and ranges: see ip.h.  Pure; the errors are of the text only. */
#include "base/ip.h"

#include "base/alloc.h"
#include "base/auto.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { BITS = 128, V4_PREFIX = 96 };

static const uint8_t v4_prefix[V4_PREFIX / 8] = {[10] = 0xff, [11] = 0xff};

bool ip_is_v4(const struct ip *ip)
{
	return memcmp(ip->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool ip_equals(const struct ip *a, const struct ip *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool ip_parse(const char *text, struct ip *ret_ip)
{
	struct ip ip;

	memcpy(ip.bytes, v4_prefix, sizeof(v4_prefix));
	if (inet_pton(AF_INET, text, ip.bytes + sizeof(v4_prefix)) != 1 &&
	    inet_pton(AF_INET6, text, ip.bytes) != 1)
		return false;
	*ret_ip = ip;
	return true;
}

void ip_format(const struct ip *ip, char ret_text[IP_TEXT])
{
	if (ip_is_v4(ip))
		inet_ntop(AF_INET, ip->bytes + sizeof(v4_prefix), ret_text, IP_TEXT);
	else
		inet_ntop(AF_INET6, ip->bytes, ret_text, IP_TEXT);
}

bool ip_from_sockaddr(const struct sockaddr *address, struct ip *ret_ip)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof(v4));
		memcpy(ret_ip->bytes, v4_prefix, sizeof(v4_prefix));
		memcpy(ret_ip->bytes + sizeof(v4_prefix), &v4.sin_addr, sizeof(v4.sin_addr));
		return true;
	}
	if (address->sa_family != AF_INET6)
		return false;
	memcpy(&v6, address, sizeof(v6));
	memcpy(ret_ip->bytes, &v6.sin6_addr, sizeof(ret_ip->bytes));
	return true;
}

socklen_t ip_to_sockaddr(const struct ip *ip, uint16_t port, struct sockaddr_storage *ret_address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	*ret_address = (struct sockaddr_storage){0};
	if (ip_is_v4(ip)) {
		memcpy(&v4.sin_addr, ip->bytes + sizeof(v4_prefix), sizeof(v4.sin_addr));
		memcpy(ret_address, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(&v6.sin6_addr, ip->bytes, sizeof(v6.sin6_addr));
	memcpy(ret_address, &v6, sizeof(v6));
	return sizeof(v6);
}

/* `ip` with the bits behind the first `bits` cleared. */
static struct ip masked(const struct ip *ip, unsigned bits)
{
	struct ip result = *ip;

	for (unsigned i = 0; i < sizeof(result.bytes); i++) {
		unsigned keep = bits > 8 * i ? MIN(bits - 8 * i, 8) : 0;

		result.bytes[i] &= (uint8_t)(0xff00 >> keep);
	}
	return result;
}

/* Digits without a sign or a leading zero, up to `max`. */
static bool parse_bits(const char *text, unsigned max, unsigned *ret_bits)
{
	size_t len = strspn(text, "0123456789");
	unsigned value = 0;

	if (len == 0 || len > 3 || text[len] || (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++)
		value = 10 * value + (unsigned)(text[i] - '0');
	*ret_bits = value;
	return value <= max;
}

int ip_net_parse(const char *text, struct ip_net *ret_net, struct err *err)
{
	const char *slash = strchr(text, '/');
	AUTO_FREE char *address = xstrndup(text, slash ? (size_t)(slash - text) : strlen(text));
	unsigned bits, first; /* of what the user counts */
	struct ip_net net;
	struct ip ip;
	char shown[IP_NET_TEXT];

	if (!ip_parse(address, &ip))
		return err_set(err, ERR_INVALID,
			       "expected an IP address or a range such as 10.0.0.0/8");
	first = ip_is_v4(&ip) && !strchr(address, ':') ? V4_PREFIX : 0;
	bits = BITS - first;
	if (slash && !parse_bits(slash + 1, BITS - first, &bits))
		return err_set(err, ERR_INVALID, "expected 0 to %u bits behind the '/'",
			       BITS - first);
	net.bits = (uint8_t)(first + bits);
	net.base = masked(&ip, net.bits);
	if (!ip_equals(&net.base, &ip)) {
		ip_net_format(&net, shown);
		return err_set(err, ERR_INVALID, "bits behind the prefix are set: write %s", shown);
	}
	*ret_net = net;
	return 0;
}

void ip_net_format(const struct ip_net *net, char ret_text[IP_NET_TEXT])
{
	unsigned first = ip_is_v4(&net->base) ? V4_PREFIX : 0;
	char address[IP_TEXT];

	ip_format(&net->base, address);
	if (net->bits == BITS)
		snprintf(ret_text, IP_NET_TEXT, "%s", address);
	else
		snprintf(ret_text, IP_NET_TEXT, "%s/%u", address, net->bits - first);
}

bool ip_net_contains(const struct ip_net *net, const struct ip *ip)
{
	struct ip start = masked(ip, net->bits);

	return ip_is_v4(&net->base) == ip_is_v4(ip) && ip_equals(&start, &net->base);
}
