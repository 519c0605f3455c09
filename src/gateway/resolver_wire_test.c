// SPDX-License-Identifier: MIT
/* Tests of the packets between a gateway and its resolver: there and back, and what is refused. */
#include "gateway/resolver_wire.h"

#include "base/tap.h"
#include "wire/pack.h"

static bool question_back(uint32_t id, uint32_t type, struct view name,
			  struct resolver_question *ret_question)
{
	AUTO_BUF struct buf packet = BUF_INIT(1024);
	struct err err = {0};

	pack_u32(&packet, id);
	pack_u32(&packet, type);
	pack_bytes(&packet, name);
	return resolver_question_unpack((struct view){packet.ptr, packet.len}, ret_question,
					&err) == 0;
}

static void test_questions(void)
{
	struct resolver_question question = {.id = 7, .type = DNS_TXT, .name = "_x.example.com"};
	struct resolver_question back = {0};
	AUTO_BUF struct buf packet = BUF_INIT(RESOLVER_QUESTION_MAX);
	char longest[HOST_NAME_SIZE + 1];
	struct err err;

	TEST("a question comes back as it was");
	resolver_question_pack(&packet, &question);
	CHECK(resolver_question_unpack((struct view){packet.ptr, packet.len}, &back, &err) == 0);
	CHECK(back.id == 7 && back.type == DNS_TXT);
	CHECK_STR(back.name, "_x.example.com");

	TEST("a question for what is no name in its one form is refused");
	memset(longest, 'a', sizeof(longest));
	CHECK(question_back(1, 0, VIEW_LIT("a.b"), &back));
	CHECK(!question_back(1, 0, VIEW_LIT(""), &back));
	CHECK(!question_back(1, 0, VIEW_LIT("A.b"), &back));
	CHECK(!question_back(1, 0, VIEW_LIT("a.b."), &back));
	CHECK(!question_back(1, 0, VIEW_LIT("a.b\0c"), &back));
	CHECK(!question_back(1, 0, VIEW_LIT("a b"), &back));
	CHECK(!question_back(1, 0, VIEW_LIT("10.1.2.3"), &back));
	CHECK(!question_back(1, 0, (struct view){longest, sizeof(longest)}, &back));
	CHECK(!question_back(1, 0, (struct view){longest, sizeof(longest) - 1}, &back));
	CHECK(!question_back(1, 65536, VIEW_LIT("a.b"), &back));
	buf_putc(&packet, 'x');
	CHECK(resolver_question_unpack((struct view){packet.ptr, packet.len}, &back, &err) < 0);
}

static bool answer_back(const struct resolver_answer *answer, struct resolver_answer *ret_answer)
{
	static char bytes[LIMIT_RESOLVER_PACKET];
	AUTO_BUF struct buf packet = BUF_INIT(sizeof(bytes));
	struct err err = {0};

	resolver_answer_pack(&packet, answer);
	CHECK(!packet.failed);
	memcpy(bytes, packet.ptr, packet.len);
	for (size_t len = 0; len < packet.len; len++)
		CHECK(resolver_answer_unpack((struct view){bytes, len}, ret_answer, &err) < 0);
	return resolver_answer_unpack((struct view){bytes, packet.len}, ret_answer, &err) == 0;
}

static void test_answers(void)
{
	static struct resolver_answer back;
	static struct resolver_answer ips = {.id = 9, .ip_count = 2};
	static struct resolver_answer texts = {
		.id = 10,
		.record_count = 2,
		.records = {{DNS_TXT, 60, VIEW_LIT("\2hi")}, {DNS_TXT, 61, VIEW_LIT("\0")}}};
	static struct resolver_answer bad;

	TEST("answers come back as they were, and none that is cut is taken");
	CHECK(ip_parse("192.0.2.1", &ips.ips[0]) && ip_parse("2001:db8::1", &ips.ips[1]));
	CHECK(answer_back(&ips, &back));
	CHECK(back.id == 9 && back.rcode == DNS_NOERROR && back.ip_count == 2 &&
	      back.record_count == 0 && ip_equals(&back.ips[1], &ips.ips[1]));
	CHECK(answer_back(&texts, &back));
	CHECK(back.record_count == 2 && back.ip_count == 0 && back.records[0].ttl == 60 &&
	      back.records[1].data.len == 1 && view_equals(back.records[0].data, "\2hi"));

	TEST("an answer that contradicts itself or has malformed records is refused");
	bad = ips;
	bad.rcode = DNS_NXDOMAIN;
	CHECK(!answer_back(&bad, &back));
	bad.rcode = DNS_REFUSED;
	bad.ip_count = 0;
	CHECK(!answer_back(&bad, &back));
	bad = texts;
	bad.ip_count = 1;
	CHECK(!answer_back(&bad, &back));
	bad = texts;
	bad.records[1].data = VIEW_LIT("\5hi");
	CHECK(!answer_back(&bad, &back));
	bad = texts;
	bad.records[1].type = DNS_SOA;
	CHECK(!answer_back(&bad, &back));
}

static void test_counts(void)
{
	static struct resolver_answer back;
	AUTO_BUF struct buf packet = BUF_INIT(LIMIT_RESOLVER_PACKET);
	struct err err;

	TEST("an answer with more than its limits is refused");
	pack_u32(&packet, 1);
	pack_u8(&packet, DNS_NOERROR);
	pack_u32(&packet, LIMIT_RESOLVED + 1);
	for (size_t i = 0; i <= LIMIT_RESOLVED; i++)
		buf_put(&packet, "0123456789abcdef", 16);
	pack_u32(&packet, 0);
	CHECK(resolver_answer_unpack((struct view){packet.ptr, packet.len}, &back, &err) < 0);
	buf_clear(&packet);
	pack_u32(&packet, 1);
	pack_u8(&packet, DNS_NOERROR);
	pack_u32(&packet, 0);
	pack_u32(&packet, LIMIT_RESOLVER_RECORDS + 1);
	for (size_t i = 0; i <= LIMIT_RESOLVER_RECORDS; i++) {
		pack_u32(&packet, DNS_A);
		pack_u32(&packet, 1);
		pack_bytes(&packet, VIEW_LIT("abcd"));
	}
	CHECK(resolver_answer_unpack((struct view){packet.ptr, packet.len}, &back, &err) < 0);
}

int main(void)
{
	test_questions();
	test_answers();
	test_counts();
	return tap_done();
}
