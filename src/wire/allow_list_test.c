// SPDX-License-Identifier: MIT
#include "wire/allow_list.h"

#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"
#include "base/tap.h"

static char *hosts[] = {(char *)"a.test", (char *)"*.b.test:22", NULL};

static void test_request(void)
{
	AUTO_BUF struct buf buf = BUF_INIT(LIMIT_POLICY_MESSAGE);
	AUTO(allow_list_request_done) struct allow_list_request got = {0};
	struct allow_list_request none;
	struct err err;

	TEST("a request comes back as it was, and less or more is refused");
	allow_list_request_pack(&buf, &(struct allow_list_request){ALLOW_LIST_DELETE, hosts});
	CHECK(allow_list_request_unpack((struct view){buf.ptr, buf.len}, &got, &err) == 0);
	CHECK(got.change == ALLOW_LIST_DELETE && strv_count(got.hosts) == 2);
	CHECK_STR(got.hosts[1], "*.b.test:22");
	for (size_t len = 0; len < buf.len; len++)
		CHECK(allow_list_request_unpack((struct view){buf.ptr, len}, &none, &err) < 0);
	buf_putc(&buf, 0);
	CHECK(allow_list_request_unpack((struct view){buf.ptr, buf.len}, &none, &err) < 0);

	TEST("so is a change that there is not");
	buf_clear(&buf);
	allow_list_request_pack(&buf, &(struct allow_list_request){ALLOW_LIST_CHANGES, hosts});
	CHECK(allow_list_request_unpack((struct view){buf.ptr, buf.len}, &none, &err) < 0);
	CHECK_STR(err.msg, "allow-list request: malformed");
}

static void test_answer(void)
{
	AUTO_BUF struct buf buf = BUF_INIT(LIMIT_POLICY_MESSAGE);
	AUTO_BUF struct buf again = BUF_INIT(LIMIT_POLICY_MESSAGE);
	AUTO(allow_list_answer_done) struct allow_list_answer got = {0};
	struct allow_list_answer none, answer = {
					       .changed = hosts,
					       .policy = {.listed = true,
							  .allow_hosts = hosts,
							  .allow_private = hosts + 1,
							  .host_services = hosts,
							  .audit_only = true},
				       };
	struct err err;

	TEST("an answer with each member in its place");
	allow_list_answer_pack(&buf, &answer);
	CHECK(allow_list_answer_unpack((struct view){buf.ptr, buf.len}, &got, &err) == 0);
	CHECK(got.policy.listed && got.policy.audit_only && !got.policy.allow_local_nets);
	CHECK(strv_count(got.changed) == 2 && strv_count(got.policy.allow_private) == 1);
	allow_list_answer_pack(&again, &got);
	CHECK(again.len == buf.len && memcmp(again.ptr, buf.ptr, buf.len) == 0);
	for (size_t len = 0; len < buf.len; len++)
		CHECK(allow_list_answer_unpack((struct view){buf.ptr, len}, &none, &err) < 0);
}

int main(void)
{
	test_request();
	test_answer();
	return tap_done();
}
