// SPDX-License-Identifier: MIT
/*
 * DNS messages (RFC 1035, 2181, 6891): one query of a guest is read, one answer written.  Pure: who
 * may ask what is decided elsewhere.
 *
 *	if (!dns_read(message, &query))
 *		return; // no answer to this one
 *	answer.rcode = query.rcode ? query.rcode : decide(query.name, query.type, ...);
 *	dns_answer(&query, &answer, DNS_UDP, &out);
 *
 * A query has exactly one question, no other record but one OPT, and nothing behind it.  Hence
 * there is nothing that a compression pointer could point to, and one is an error.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_OPT = 41,
	DNS_SVCB = 64,
	DNS_HTTPS = 65,
	DNS_CAA = 257,
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16,
};

enum dns_transport { DNS_UDP, DNS_TCP };

enum {
	DNS_QUESTION_SIZE = 255 + 4, /* a name, type and class */
	DNS_NAME_TEXT = 1016,	     /* a name whose bytes are all written as \DDD */
};

struct dns_query {
	enum dns_rcode rcode; /* what is wrong with it: to be answered with */
	uint16_t id;
	uint8_t opcode;
	bool recursion_desired, checking_disabled;
	bool edns, dnssec_ok;
	uint16_t udp_size; /* the largest answer that the asker takes over UDP */
	uint16_t type;	   /* enum dns_type, or any other */
	/* Lower case, no dot at the end; the root is "".  Bytes that would make it ambiguous or
	 * unprintable are written as \DDD: such a name is no host's (api/host_name.h). */
	char name[DNS_NAME_TEXT];
	/* As it came, which is how it goes back: its letters' case is the asker's cookie. */
	char question[DNS_QUESTION_SIZE];
	size_t question_len; /* 0 if it could not be read */
};

/* False if nothing may be answered: no query at all.  Else `rcode` says whether it can be used, and
 * with an error only what the answer to it needs is filled. */
bool dns_read(struct view message, struct dns_query *ret_query);

/* The IPv4 address whose name a PTR query asks for ("1.0.18.198.in-addr.arpa"). */
bool dns_reverse_ip(const struct dns_query *query, struct ip *ret_ip);

struct dns_record {
	uint16_t type;
	uint32_t ttl;
	struct view data; /* as on the wire, names in it not compressed */
};

struct dns_answer {
	enum dns_rcode rcode;
	const struct dns_record *records; /* all of the query's name */
	size_t count;
};

/* Appends the answer, over TCP with its length before it.  What has no records, and NXDOMAIN, gets
 * an SOA of a second's life, so that nobody remembers it for longer.  What is too large for the
 * asker's UDP goes without records and says that it is cut (TC). */
void dns_answer(const struct dns_query *query, const struct dns_answer *answer,
		enum dns_transport transport, struct buf *out);

/* Is `data` of this type well-formed: A, AAAA, PTR, NS, CNAME, MX, TXT, SRV or CAA?  False for any
 * other type.  Nothing that a server answered is handed to a guest unless it is. */
bool dns_data_ok(uint16_t type, struct view data);

/* Appends a name as it is on the wire; `name` is in the form of api/host_name.h. */
void dns_put_name(struct buf *out, const char *name);

/* The message of DNS over TCP that `bytes` begins with.  Returns how many bytes it takes, 0 when
 * more are needed, -1 (ERR_PROTOCOL) if no message is that short. */
ssize_t dns_unframe(struct view bytes, struct view *ret_message, struct err *err);
