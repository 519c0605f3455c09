// SPDX-License-Identifier: MIT
/* What a guest's program says: ClientHellos, DNS queries and answers; by net_probe.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MESSAGE_SIZE = 4096 };

struct message {
	uint8_t bytes[MESSAGE_SIZE];
	size_t len;
};

/* A ClientHello for TLS 1.2 as a server takes it.  `name`: "" = none is said.  `ech`: with the
 * extension that only the encrypted part of an ECH has. */
void message_hello(struct message *ret_message, const char *name, bool ech);

/* A query; `type`: "A", "TXT", a number. */
void message_query(struct message *ret_message, const char *name, const char *type, uint16_t id);

/* "NOERROR 198.18.0.1 ..." of an answer; addresses as such, other records as "TYPE:LENGTH". */
void message_describe(const uint8_t *bytes, size_t len, char *ret_text, size_t size);
