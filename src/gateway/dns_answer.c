// SPDX-License-Identifier: MIT
/*
 * The answer to a guest's query: see dns.h.  Header, the question as it came, records that all
 * point back to its name, an SOA where there are none, OPT if the query had one.  If that is larger
 * than the asker takes, it is written again as the question alone with TC.
 */
#include "base/limits.h"
#include "gateway/dns.h"
#include "gateway/dns_internal.h"

#include <assert.h>
#include <string.h>

enum {
	NEGATIVE_TTL = 1, /* a policy may change at any time */
	POINTER_TO_QUESTION = 0xc000 | DNS_HEADER_SIZE,
	SOA_SIZE = 2 + 5 * 4, /* two names at the root, five numbers */
	CAA_TAG_MAX = 15,
};

static void put16(struct buf *out, uint32_t value)
{
	char bytes[2] = {(char)(value >> 8), (char)value};

	buf_put(out, bytes, sizeof(bytes));
}

static void put32(struct buf *out, uint32_t value)
{
	put16(out, value >> 16);
	put16(out, value & 0xffff);
}

void dns_put_name(struct buf *out, const char *name)
{
	while (*name) {
		size_t len = strcspn(name, ".");

		assert(len >= 1 && len <= DNS_LABEL_MAX);
		buf_putc(out, (char)len);
		buf_put(out, name, len);
		name += len + (name[len] == '.');
	}
	buf_putc(out, '\0');
}

static void put_record(struct buf *out, const struct dns_record *record)
{
	assert(record->data.len <= UINT16_MAX);
	put16(out, POINTER_TO_QUESTION);
	put16(out, record->type);
	put16(out, DNS_CLASS_IN);
	put32(out, record->ttl);
	put16(out, (uint32_t)record->data.len);
	buf_put(out, record->data.ptr, record->data.len);
}

/* RFC 2308: how long "there is none" holds.  Of the root, which is above every name. */
static void put_soa(struct buf *out)
{
	buf_putc(out, '\0');
	put16(out, DNS_SOA);
	put16(out, DNS_CLASS_IN);
	put32(out, NEGATIVE_TTL);
	put16(out, SOA_SIZE);
	buf_put(out, "\0\0", 2);
	for (int i = 0; i < 5; i++)
		put32(out, NEGATIVE_TTL);
}

static void put_opt(struct buf *out, const struct dns_query *query, enum dns_rcode rcode)
{
	buf_putc(out, '\0');
	put16(out, DNS_OPT);
	put16(out, LIMIT_DNS_UDP);
	put16(out, (uint32_t)rcode >> DNS_RCODE_BITS << 8);
	put16(out, query->dnssec_ok ? DNS_EDNS_DO : 0);
	put16(out, 0);
}

static void put_message(const struct dns_query *query, const struct dns_answer *answer, bool cut,
			struct buf *out)
{
	size_t count = cut ? 0 : answer->count;
	bool negative = answer->rcode == DNS_NXDOMAIN ||
			(answer->rcode == DNS_NOERROR && answer->count == 0);
	bool edns = query->edns;

	put16(out, query->id);
	put16(out, DNS_FLAG_QR | DNS_FLAG_RA | (uint32_t)query->opcode << DNS_OPCODE_SHIFT |
			   (query->recursion_desired ? DNS_FLAG_RD : 0) |
			   (query->checking_disabled ? DNS_FLAG_CD : 0) | (cut ? DNS_FLAG_TC : 0) |
			   (answer->rcode & DNS_RCODE_MASK));
	put16(out, query->question_len > 0);
	put16(out, (uint32_t)count);
	put16(out, negative);
	put16(out, edns);
	buf_put(out, query->question, query->question_len);
	for (size_t i = 0; i < count; i++)
		put_record(out, &answer->records[i]);
	if (negative)
		put_soa(out);
	if (edns)
		put_opt(out, query, answer->rcode);
}

void dns_answer(const struct dns_query *query, const struct dns_answer *answer,
		enum dns_transport transport, struct buf *out)
{
	size_t max = transport == DNS_TCP ? DNS_TCP_MAX : MIN(query->udp_size, LIMIT_DNS_UDP);
	AUTO_BUF struct buf message = BUF_INIT(max);

	assert(answer->count == 0 || query->question_len > 0);
	put_message(query, answer, false, &message);
	if (message.failed) {
		buf_done(&message);
		message = (struct buf)BUF_INIT(max);
		put_message(query, answer, true, &message);
	}
	if (transport == DNS_TCP)
		put16(out, (uint32_t)message.len);
	buf_put(out, message.ptr, message.len);
}

static bool texts_ok(struct be_reader *in)
{
	do {
		be_read_run(in, 1);
	} while (in->len > 0);
	return be_read_all(in);
}

/* RFC 8659, 4.1. */
static bool caa_ok(struct be_reader *in)
{
	struct view tag;

	be_read(in, 1);
	tag = be_read_run(in, 1);
	for (size_t i = 0; i < tag.len; i++) {
		char c = tag.ptr[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z'))
			return false;
	}
	return !in->failed && tag.len >= 1 && tag.len <= CAA_TAG_MAX;
}

/* Numbers of `fixed` bytes and then a name, or nothing. */
static bool fields_ok(struct be_reader *in, size_t fixed, bool name)
{
	be_read_bytes(in, fixed);
	return !in->failed && (!name || dns_take_name(in, NULL)) && be_read_all(in);
}

bool dns_data_ok(uint16_t type, struct view data)
{
	struct be_reader in = be_reader_of(data);

	if (data.len > UINT16_MAX)
		return false;
	switch (type) {
	case DNS_A:
		return fields_ok(&in, 4, false);
	case DNS_AAAA:
		return fields_ok(&in, 16, false);
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		return fields_ok(&in, 0, true);
	case DNS_MX:
		return fields_ok(&in, 2, true);
	case DNS_SRV:
		return fields_ok(&in, 6, true);
	case DNS_TXT:
		return texts_ok(&in);
	case DNS_CAA:
		return caa_ok(&in);
	default:
		return false;
	}
}
