// SPDX-License-Identifier: MIT
/*
 * gateway/dns.c: the input is a guest's message.  Besides not crashing: what is a query is answered
 * by a message that is none, has its id and its question byte for byte, and fits; and a name with
 * nothing escaped is the question's, label by label.
 */
#include "gateway/dns.h"

#include "fuzz/fuzz.h"

#include <assert.h>

static void check_answer(const struct dns_query *query, struct view asked, enum dns_rcode rcode,
			 enum dns_transport transport)
{
	struct dns_record record = {DNS_TXT, 1, asked};
	struct dns_answer answer = {rcode, &record, rcode || asked.len > 65535 ? 0 : 1};
	AUTO_BUF struct buf out = BUF_INIT(70000);
	size_t start = transport == DNS_TCP ? 2 : 0;
	struct dns_query none;

	dns_answer(query, &answer, transport, &out);
	assert(!out.failed && out.len >= start + 12);
	assert(transport == DNS_TCP || (out.len <= query->udp_size && out.len <= 1232));
	assert(memcmp(out.ptr + start, asked.ptr, 2) == 0);
	assert(memcmp(out.ptr + start + 12, query->question, query->question_len) == 0);
	assert(!dns_read((struct view){out.ptr + start, out.len - start}, &none));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view message = {(const char *)data, size}, framed;
	AUTO_BUF struct buf name = BUF_INIT(1024);
	struct dns_query query;
	struct err err;
	struct ip ip;
	ssize_t used;

	used = dns_unframe(message, &framed, &err);
	assert(used <= (ssize_t)size && (used <= 0 || framed.len + 2 == (size_t)used));
	dns_data_ok(size ? data[0] : 0, message);
	if (!dns_read(message, &query))
		return 0;
	assert(strlen(query.name) < DNS_NAME_TEXT);
	check_answer(&query, message, query.rcode, DNS_UDP);
	check_answer(&query, message, query.rcode, DNS_TCP);
	if (query.rcode != DNS_NOERROR)
		return 0;
	assert(query.question_len >= 5 &&
	       memcmp(query.question, data + 12, query.question_len) == 0);
	dns_reverse_ip(&query, &ip);
	if (strchr(query.name, '\\'))
		return 0;
	dns_put_name(&name, query.name);
	assert(name.len + 4 == query.question_len);
	assert(strncasecmp(name.ptr, query.question, name.len) == 0);
	return 0;
}
