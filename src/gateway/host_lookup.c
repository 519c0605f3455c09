// SPDX-License-Identifier: MIT
/*
 * Lookups by the C library: see host_lookup.h.
 *
 * Happy path: addresses by getaddrinfo(), in the order that it prefers; records by a query of its
 * resolver, whose answer's records are taken apart and their names written out.
 * Failure modes: a name that does not exist is NXDOMAIN, all else that fails SERVFAIL.
 */
#include "gateway/host_lookup.h"

#include "base/attr.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What data of a type has before the name that ends it. */
static const struct {
	uint16_t type;
	size_t fixed;
} types_with_name[] = {
	{DNS_NS, 0},
	{DNS_CNAME, 0},
	{DNS_MX, 2},
	{DNS_SRV, 6},
};

/* A search list of one domain, the root.  Where resolv.conf is a plain file, a new one in its place
 * would be another file, which the jail does not know and which the C library would take for an
 * empty one: then the servers stay those of the beginning. */
void host_lookup_begin(void)
{
	char target[1];

	setenv("LOCALDOMAIN", "", 1);
	if (readlink("/etc/resolv.conf", target, sizeof(target)) < 0)
		setenv("RES_OPTIONS", "no-reload", 1);
}

/* --- addresses --- */

static enum dns_rcode rcode_of(int gai_error)
{
	switch (gai_error) {
	case 0:
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
		return DNS_NOERROR;
	case EAI_NONAME:
		return DNS_NXDOMAIN;
	default:
		return DNS_SERVFAIL;
	}
}

static bool has_ip(const struct resolver_answer *answer, const struct ip *ip)
{
	for (size_t i = 0; i < answer->ip_count; i++) {
		if (ip_equals(&answer->ips[i], ip))
			return true;
	}
	return false;
}

static void look_up_addresses(const char *name, struct resolver_answer *answer)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	struct ip ip;

	answer->rcode = rcode_of(getaddrinfo(name, NULL, &hints, &list));
	if (answer->rcode != DNS_NOERROR || !list)
		return;
	for (const struct addrinfo *at = list; at; at = at->ai_next) {
		if (answer->ip_count < LIMIT_RESOLVED && ip_from_sockaddr(at->ai_addr, &ip) &&
		    !has_ip(answer, &ip))
			answer->ips[answer->ip_count++] = ip;
	}
	freeaddrinfo(list);
}

/* --- records --- */

/* Where the name in such data begins; -1: there is none. */
static int name_at(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types_with_name); i++) {
		if (types_with_name[i].type == type)
			return (int)types_with_name[i].fixed;
	}
	return -1;
}

/* Appends the data of a record, names in it written out; false if it is malformed. */
static bool put_data(const ns_msg *message, const ns_rr *record, struct buf *memory)
{
	const uint8_t *data = ns_rr_rdata(*record), *end = data + ns_rr_rdlen(*record);
	int fixed = name_at(record->type);
	uint8_t name[NS_MAXCDNAME];
	int used;

	if (fixed < 0) {
		buf_put(memory, data, ns_rr_rdlen(*record));
		return true;
	}
	if (end - data < fixed)
		return false;
	used = ns_name_unpack(ns_msg_base(*message), end, data + fixed, name, sizeof(name));
	if (used < 0 || data + fixed + used != end)
		return false;
	buf_put(memory, data, (size_t)fixed);
	for (const uint8_t *label = name;; label += *label + 1) {
		buf_put(memory, label, *label + 1u);
		if (*label == 0)
			return true;
	}
}

/* The records of the type that was asked for, of the name and of what it is an alias of.  The
 * offsets in `memory` become addresses when it has stopped growing. */
static void take_records(ns_msg *message, uint16_t type, struct resolver_answer *answer,
			 struct buf *memory)
{
	size_t offsets[LIMIT_RESOLVER_RECORDS], count = 0;
	ns_rr record;

	for (int i = 0; i < ns_msg_count(*message, ns_s_an); i++) {
		size_t start = memory->len;
		struct dns_record *next = &answer->records[count];

		if (count == LIMIT_RESOLVER_RECORDS || ns_parserr(message, ns_s_an, i, &record) < 0)
			break;
		if (ns_rr_type(record) != type || ns_rr_class(record) != ns_c_in)
			continue;
		if (!put_data(message, &record, memory) || memory->failed ||
		    !dns_data_ok(type, (struct view){memory->ptr + start, memory->len - start}))
			continue;
		*next = (struct dns_record){type, ns_rr_ttl(record), {0}};
		next->data.len = memory->len - start;
		offsets[count++] = start;
	}
	for (size_t i = 0; i < count; i++)
		answer->records[i].data.ptr = memory->ptr + offsets[i];
	answer->record_count = count;
}

static void look_up_records(const struct resolver_question *question,
			    struct resolver_answer *answer, struct buf *memory)
{
	struct __res_state state = {0};
	uint8_t message[NS_MAXMSG];
	ns_msg parsed;
	int len;

	answer->rcode = DNS_SERVFAIL;
	if (res_ninit(&state) < 0)
		return;
	len = res_nquery(&state, question->name, ns_c_in, question->type, message, sizeof(message));
	if (len < 0 && state.res_h_errno == HOST_NOT_FOUND)
		answer->rcode = DNS_NXDOMAIN;
	else if (len < 0 && state.res_h_errno == NO_DATA)
		answer->rcode = DNS_NOERROR;
	res_nclose(&state);
	if (len < 0 || len > (int)sizeof(message) || ns_initparse(message, len, &parsed) < 0)
		return;
	answer->rcode = DNS_NOERROR;
	take_records(&parsed, question->type, answer, memory);
}

void host_lookup(const struct resolver_question *question, struct resolver_answer *ret_answer,
		 struct buf *memory)
{
	ret_answer->ip_count = ret_answer->record_count = 0;
	if (question->type == RESOLVER_ADDRESSES)
		look_up_addresses(question->name, ret_answer);
	else
		look_up_records(question, ret_answer, memory);
}
