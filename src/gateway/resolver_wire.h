// SPDX-License-Identifier: MIT
/*
 * What a gateway and its resolver process say to each other, one packet of a SOCK_SEQPACKET pair
 * each: a question, and in any order the answer with the same number.  Neither trusts the other.
 */
#pragma once

#include "api/host_name.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/ip.h"
#include "base/limits.h"
#include "gateway/dns.h"

#include <stddef.h>
#include <stdint.h>

enum {
	RESOLVER_ADDRESSES = 0,	     /* instead of a type: those of the name, IPv4 and IPv6 */
	RESOLVER_QUESTION_MAX = 512, /* bytes of its packet */
};

struct resolver_question {
	uint32_t id;
	uint16_t type; /* RESOLVER_ADDRESSES or one of enum dns_type */
	char name[HOST_NAME_SIZE];
};

/* Has either addresses or records, and with an error neither. */
struct resolver_answer {
	uint32_t id;
	enum dns_rcode rcode; /* NOERROR, NXDOMAIN or SERVFAIL */
	struct ip ips[LIMIT_RESOLVED];
	size_t ip_count;
	struct dns_record records[LIMIT_RESOLVER_RECORDS]; /* each dns_data_ok() */
	size_t record_count;
};

void resolver_question_pack(struct buf *buf, const struct resolver_question *question);
/* ERR_PROTOCOL on anything malformed. */
int resolver_question_unpack(struct view packet, struct resolver_question *ret_question,
			     struct err *err);

void resolver_answer_pack(struct buf *buf, const struct resolver_answer *answer);
/* The data of the records are views of the packet.  ERR_PROTOCOL as above; `ret_answer` is then of
 * no use. */
int resolver_answer_unpack(struct view packet, struct resolver_answer *ret_answer, struct err *err);
