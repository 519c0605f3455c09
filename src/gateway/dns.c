// SPDX-License-Identifier: MIT
/*
 * The query of a guest: see dns.h.  A header is read first; from then on an answer is possible, and
 * whatever else is wrong becomes its rcode.  Answers are written in dns_answer.c.
 */
#include "gateway/dns.h"

#include "gateway/be_reader.h"
#include "gateway/dns_internal.h"

#include <stdio.h>
#include <string.h>

enum { REVERSE_LABELS = 4 };

static bool is_plain(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '.' && c != '\\';
}

/* Room is certain: at most 253 bytes of labels and dots, and each grows fourfold at most. */
static char *put_label(char *at, struct view label)
{
	for (size_t i = 0; i < label.len; i++) {
		unsigned char c = (unsigned char)label.ptr[i];

		if (is_plain(c)) {
			*at++ = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
			continue;
		}
		*at++ = '\\';
		*at++ = (char)('0' + c / 100);
		*at++ = (char)('0' + c / 10 % 10);
		*at++ = (char)('0' + c % 10);
	}
	return at;
}

bool dns_take_name(struct be_reader *in, char *ret_text)
{
	const char *start = in->ptr;
	char *at = ret_text;

	for (;;) {
		struct view label = be_read_run(in, 1);

		if (in->failed || label.len > DNS_LABEL_MAX || in->ptr - start > DNS_NAME_MAX)
			return false;
		if (label.len == 0)
			break;
		if (!ret_text)
			continue;
		if (at > ret_text)
			*at++ = '.';
		at = put_label(at, label);
	}
	if (ret_text)
		*at = '\0';
	return true;
}

static bool take_question(struct be_reader *in, struct dns_query *query)
{
	const char *start = in->ptr;
	uint32_t class;

	if (!dns_take_name(in, query->name))
		return false;
	query->type = (uint16_t)be_read(in, 2);
	class = be_read(in, 2);
	if (in->failed)
		return false;
	query->question_len = (size_t)(in->ptr - start);
	memcpy(query->question, start, query->question_len);
	if (class != DNS_CLASS_IN)
		query->rcode = DNS_REFUSED;
	return true;
}

/* RFC 6891, 6.1: at the root, its class is a size and its TTL a version and flags. */
static bool take_opt(struct be_reader *in, struct dns_query *query)
{
	uint32_t root = be_read(in, 1), type = be_read(in, 2), size = be_read(in, 2);
	uint32_t version, flags;
	struct be_reader options;

	be_read(in, 1); /* the upper half of an rcode: of no meaning in a query */
	version = be_read(in, 1);
	flags = be_read(in, 2);
	options = be_reader_of(be_read_run(in, 2));
	while (options.len > 0) {
		be_read(&options, 2);
		be_read_run(&options, 2);
	}
	if (in->failed || options.failed || root != 0 || type != DNS_OPT)
		return false;
	query->edns = true;
	query->dnssec_ok = flags & DNS_EDNS_DO;
	if (size > query->udp_size)
		query->udp_size = (uint16_t)size;
	if (version != 0)
		query->rcode = DNS_BADVERS;
	return true;
}

static bool take_body(struct be_reader *in, struct dns_query *query)
{
	uint32_t questions = be_read(in, 2), answers = be_read(in, 2), authorities = be_read(in, 2);
	uint32_t additions = be_read(in, 2);

	if (in->failed || questions != 1 || answers || authorities || additions > 1)
		return false;
	return take_question(in, query) && (!additions || take_opt(in, query)) && be_read_all(in);
}

bool dns_read(struct view message, struct dns_query *ret_query)
{
	struct dns_query query = {.udp_size = DNS_UDP_MIN};
	struct be_reader in = be_reader_of(message);
	uint32_t flags;

	if (message.len < DNS_HEADER_SIZE)
		return false;
	query.id = (uint16_t)be_read(&in, 2);
	flags = be_read(&in, 2);
	if (flags & DNS_FLAG_QR) /* two answerers would talk to each other for ever */
		return false;
	query.opcode = flags >> DNS_OPCODE_SHIFT & DNS_OPCODE_MASK;
	query.recursion_desired = flags & DNS_FLAG_RD;
	query.checking_disabled = flags & DNS_FLAG_CD;
	if (query.opcode != 0)
		query.rcode = DNS_NOTIMP;
	else if (!take_body(&in, &query))
		query.rcode = DNS_FORMERR;
	*ret_query = query;
	return true;
}

bool dns_reverse_ip(const struct dns_query *query, struct ip *ret_ip)
{
	struct view label[REVERSE_LABELS];
	const char *at = query->name;
	char text[IP_TEXT];
	size_t total = 0;

	for (size_t i = 0; i < REVERSE_LABELS; i++) {
		label[i] = (struct view){at, strcspn(at, ".")};
		total += label[i].len + 1;
		at += label[i].len;
		if (*at++ != '.')
			return false;
	}
	if (total > sizeof(text) || strcmp(at, "in-addr.arpa") != 0)
		return false;
	snprintf(text, sizeof(text), "%.*s.%.*s.%.*s.%.*s", (int)label[3].len, label[3].ptr,
		 (int)label[2].len, label[2].ptr, (int)label[1].len, label[1].ptr,
		 (int)label[0].len, label[0].ptr);
	return ip_parse(text, ret_ip);
}

ssize_t dns_unframe(struct view bytes, struct view *ret_message, struct err *err)
{
	struct be_reader in = be_reader_of(bytes);
	struct view message = be_read_run(&in, 2);

	if (bytes.len >= 2 && (uint8_t)bytes.ptr[0] == 0 && (uint8_t)bytes.ptr[1] < DNS_HEADER_SIZE)
		return err_set(err, ERR_PROTOCOL, "DNS over TCP: a message of %u bytes",
			       (unsigned)(uint8_t)bytes.ptr[1]);
	if (in.failed)
		return 0;
	*ret_message = message;
	return (ssize_t)message.len + 2;
}
