// SPDX-License-Identifier: MIT
/* What reading a query and writing an answer share: the numbers of RFC 1035 and 6891. */
#pragma once

#include "gateway/be_reader.h"

#include <stdbool.h>

enum {
	DNS_HEADER_SIZE = 12,
	DNS_LABEL_MAX = 63,
	DNS_NAME_MAX = 255, /* on the wire */
	DNS_CLASS_IN = 1,
	DNS_UDP_MIN = 512, /* what everybody takes */
	DNS_TCP_MAX = 65535,

	DNS_FLAG_QR = 0x8000,
	DNS_FLAG_TC = 0x0200,
	DNS_FLAG_RD = 0x0100,
	DNS_FLAG_RA = 0x0080,
	DNS_FLAG_CD = 0x0010,
	DNS_OPCODE_SHIFT = 11,
	DNS_OPCODE_MASK = 15,
	DNS_RCODE_MASK = 15,
	DNS_RCODE_BITS = 4,
	DNS_EDNS_DO = 0x8000,
};

/* Takes a name that is not compressed, and writes it as text (dns.h) unless `ret_text` is NULL. */
bool dns_take_name(struct be_reader *in, char *ret_text);
