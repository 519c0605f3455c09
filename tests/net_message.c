// SPDX-License-Identifier: MIT
/* What a guest's program says: see net_message.h. */
#include "net_message.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct message *message, const void *bytes, size_t len)
{
	memcpy(message->bytes + message->len, bytes, len);
	message->len += len;
}

static void put16(struct message *message, size_t value)
{
	put(message, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

/* A length field of `size` bytes at `at` that counts all that is behind it. */
static void put_length(struct message *message, size_t at, size_t size)
{
	size_t len = message->len - at - size;

	for (size_t i = 0; i < size; i++)
		message->bytes[at + i] = (uint8_t)(len >> 8 * (size - 1 - i));
}

static const uint8_t hello_start[] = {
	22, 3, 1, 0, 0,	   /* a record */
	1,  0, 0, 0, 3, 3, /* a ClientHello of TLS 1.2 */
};
static const uint8_t suites[] = {
	0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0, /* no session, two suites, no compression */
};
static const uint8_t groups[] = {0, 10, 0, 6, 0, 4, 0, 29, 0, 23};
static const uint8_t signatures[] = {0, 13, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1};
static const uint8_t points[] = {0, 11, 0, 2, 1, 0};
static const uint8_t ech_inner[] = {0xfe, 0x0d, 0, 1, 1};

void message_hello(struct message *ret_message, const char *name, bool ech)
{
	size_t len = strlen(name), extensions;

	ret_message->len = 0;
	put(ret_message, hello_start, sizeof(hello_start));
	for (int i = 0; i < 32; i++)
		ret_message->bytes[ret_message->len++] = (uint8_t)random();
	put(ret_message, suites, sizeof(suites));
	extensions = ret_message->len;
	put16(ret_message, 0);
	if (len > 0) {
		put16(ret_message, 0);
		put16(ret_message, len + 5);
		put16(ret_message, len + 3);
		put(ret_message, "", 1);
		put16(ret_message, len);
		put(ret_message, name, len);
	}
	put(ret_message, groups, sizeof(groups));
	put(ret_message, signatures, sizeof(signatures));
	put(ret_message, points, sizeof(points));
	if (ech)
		put(ret_message, ech_inner, sizeof(ech_inner));
	put_length(ret_message, extensions, 2);
	put_length(ret_message, 6, 3);
	put_length(ret_message, 3, 2);
}

/* --- DNS --- */

static const struct {
	const char *name;
	uint16_t number;
} types[] = {{"A", 1},	   {"NS", 2},	{"SOA", 6},   {"PTR", 12},   {"MX", 15},    {"TXT", 16},
	     {"AAAA", 28}, {"SRV", 33}, {"SVCB", 64}, {"HTTPS", 65}, {"AXFR", 252}, {"ANY", 255}};

enum { TYPES = sizeof(types) / sizeof(types[0]), DNS_HEADER = 12 };

static uint16_t type_number(const char *name)
{
	for (size_t i = 0; i < TYPES; i++) {
		if (strcmp(types[i].name, name) == 0)
			return types[i].number;
	}
	return (uint16_t)atoi(name);
}

void message_query(struct message *ret_message, const char *name, const char *type, uint16_t id)
{
	ret_message->len = 0;
	put16(ret_message, id);
	put(ret_message, (uint8_t[]){1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 10);
	while (*name) {
		size_t len = strcspn(name, ".");

		put(ret_message, (uint8_t[]){(uint8_t)len}, 1);
		put(ret_message, name, len);
		name += len + (name[len] == '.');
	}
	put(ret_message, "", 1);
	put16(ret_message, type_number(type));
	put16(ret_message, 1);
}

/* Behind the name at `at`. */
static size_t skip_name(const uint8_t *bytes, size_t len, size_t at)
{
	while (at < len && bytes[at] > 0 && bytes[at] < 0xc0)
		at += bytes[at] + 1u;
	return at + (at < len && bytes[at] >= 0xc0 ? 2 : 1);
}

static void describe_record(const uint8_t *data, unsigned type, unsigned len, char *text,
			    size_t size)
{
	text[0] = ' ';
	if (type == 1 && len == 4)
		inet_ntop(AF_INET, data, text + 1, (socklen_t)size - 1);
	else
		snprintf(text, size, " %u:%u", type, len);
}

void message_describe(const uint8_t *bytes, size_t len, char *ret_text, size_t size)
{
	static const char *const codes[16] = {"NOERROR",  "FORMERR", "SERVFAIL",
					      "NXDOMAIN", "NOTIMP",  "REFUSED"};
	const char *code = len < DNS_HEADER ? "short" : codes[bytes[3] & 15];
	unsigned count, type, data_len;
	size_t at, used;

	snprintf(ret_text, size, "%s", code ? code : "?");
	if (len < DNS_HEADER)
		return;
	count = (unsigned)bytes[6] << 8 | bytes[7];
	at = skip_name(bytes, len, DNS_HEADER) + 4;
	while (count-- > 0) {
		at = skip_name(bytes, len, at);
		if (at + 10 > len)
			return;
		type = (unsigned)bytes[at] << 8 | bytes[at + 1];
		data_len = (unsigned)bytes[at + 8] << 8 | bytes[at + 9];
		at += 10;
		used = strlen(ret_text);
		if (at + data_len > len || size - used < 32)
			return;
		describe_record(bytes + at, type, data_len, ret_text + used, size - used);
		at += data_len;
	}
}
