// SPDX-License-Identifier: MIT
/*
 * Tests of the gateway's side of its resolver: what is asked once, what is remembered, what ends
 * when.  The process at the other end is this file.
 */
#include "gateway/resolver.h"

#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/tap.h"
#include "gateway/resolver_wire.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

enum { DONE_MAX = LIMIT_RESOLVER_QUERIES };

static uv_loop_t loop;
static int child; /* the process's end of the socket */

/* What the calls said, in their order. */
static struct {
	enum dns_rcode rcode;
	size_t ips, records;
	const void *ctx;
} done[DONE_MAX];
static size_t done_count;
static char tags[9]; /* whose addresses tell calls apart */

static void on_done(void *ctx, const struct resolver_reply *reply)
{
	done[done_count].rcode = reply->rcode;
	done[done_count].ips = reply->ip_count;
	done[done_count].records = reply->record_count;
	done[done_count++].ctx = ctx;
}

static void run_some(void)
{
	for (int i = 0; i < 10; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
}

static struct resolver *resolver_new(void)
{
	struct resolver *resolver = NULL;
	struct err err;
	int pair[2];

	done_count = 0;
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	child = pair[1];
	CHECK(resolver_open(&loop, pair[0], &resolver, &err) == 0);
	return resolver;
}

static void end(struct resolver *resolver)
{
	resolver_close(resolver);
	uv_run(&loop, UV_RUN_DEFAULT);
	close(child);
}

/* The next question that has arrived; false if there is none. */
static bool take(struct resolver_question *ret_question)
{
	char packet[RESOLVER_QUESTION_MAX];
	ssize_t len = recv(child, packet, sizeof(packet), MSG_DONTWAIT);
	struct err err;

	return len > 0 && resolver_question_unpack((struct view){packet, (size_t)len}, ret_question,
						   &err) == 0;
}

static void say(const struct resolver_answer *answer)
{
	AUTO_BUF struct buf packet = BUF_INIT(LIMIT_RESOLVER_PACKET);

	resolver_answer_pack(&packet, answer);
	CHECK(send(child, packet.ptr, packet.len, MSG_NOSIGNAL) == (ssize_t)packet.len);
	run_some();
}

/* Answers with one address, or with an error. */
static void say_ip(uint32_t id, enum dns_rcode rcode)
{
	static struct resolver_answer answer;

	answer = (struct resolver_answer){
		.id = id, .rcode = rcode, .ip_count = rcode == DNS_NOERROR};
	CHECK(ip_parse("192.0.2.1", &answer.ips[0]));
	say(&answer);
}

static void test_asking(void)
{
	struct resolver *resolver = resolver_new();
	struct resolver_question question, other;
	static struct resolver_answer text = {.record_count = 1,
					      .records = {{DNS_TXT, 60, VIEW_LIT("\2hi")}}};
	struct resolver_query *query;

	TEST("equal questions are asked once, and all who asked are answered, in order");
	CHECK(resolver_addresses(resolver, "a.org", on_done, &tags[1]) &&
	      resolver_addresses(resolver, "a.org", on_done, &tags[2]));
	CHECK(take(&question) && question.type == RESOLVER_ADDRESSES && !take(&other));
	CHECK_STR(question.name, "a.org");
	say_ip(question.id, DNS_NOERROR);
	CHECK(done_count == 2 && done[0].ips == 1 && done[0].rcode == DNS_NOERROR);
	CHECK(done[0].ctx == &tags[1]);
	CHECK(done[1].ctx == &tags[2]);

	TEST("an answer is remembered, and comes from the loop all the same");
	CHECK(resolver_addresses(resolver, "a.org", on_done, &tags[3]) != NULL);
	CHECK(done_count == 2);
	run_some();
	CHECK(done_count == 3 && done[2].ips == 1 && !take(&other));

	TEST("records are asked apart, and anew each time");
	for (int i = 0; i < 2; i++) {
		CHECK(resolver_records(resolver, "a.org", DNS_TXT, on_done, &tags[4]) != NULL);
		CHECK(take(&question) && question.type == DNS_TXT);
		text.id = question.id;
		say(&text);
		CHECK(done_count == 4 + (size_t)i && done[3 + i].records == 1);
	}

	TEST("that there is nothing is remembered too");
	CHECK(resolver_addresses(resolver, "b.org", on_done, &tags[5]) != NULL);
	CHECK(take(&question));
	say_ip(question.id, DNS_NXDOMAIN);
	CHECK(resolver_addresses(resolver, "b.org", on_done, &tags[6]) != NULL);
	run_some();
	CHECK(done_count == 7 && done[6].rcode == DNS_NXDOMAIN && !take(&other));

	TEST("a query that is taken back is not called, asked or answered");
	query = resolver_addresses(resolver, "c.org", on_done, &tags[7]);
	CHECK(take(&question));
	resolver_cancel(query);
	query = resolver_addresses(resolver, "a.org", on_done, &tags[8]);
	resolver_cancel(query);
	say_ip(question.id, DNS_NOERROR);
	run_some();
	CHECK(done_count == 7);
	end(resolver);
}

static void test_limits(void)
{
	struct resolver *resolver = resolver_new();
	struct resolver_question questions[LIMIT_RESOLVER_ASKED], question;
	char name[32];

	TEST("the process has some questions at once, the others wait for their turn");
	for (int i = 0; i < LIMIT_RESOLVER_QUERIES; i++) {
		snprintf(name, sizeof(name), "n%d.org", i);
		CHECK(resolver_addresses(resolver, name, on_done, NULL) != NULL);
	}
	for (int i = 0; i < LIMIT_RESOLVER_ASKED; i++)
		CHECK(take(&questions[i]));
	CHECK(!take(&question));
	say_ip(questions[9].id, DNS_NOERROR);
	CHECK(done_count == 1 && take(&question) && !take(&questions[9]));
	snprintf(name, sizeof(name), "n%d.org", LIMIT_RESOLVER_ASKED);
	CHECK_STR(question.name, name);

	TEST("too many queries are refused");
	CHECK(resolver_addresses(resolver, "last.org", on_done, NULL) != NULL);
	CHECK(resolver_addresses(resolver, "one-more.org", on_done, NULL) == NULL);

	TEST("closing ends the others without a call");
	end(resolver);
	CHECK(done_count == 1);
}

static void test_time(void)
{
	struct resolver *resolver = resolver_new();
	struct resolver_question question, other;
	uint64_t before = clock_monotonic_ms();

	TEST("a query without an answer ends with SERVFAIL; the answer is there for the next one");
	CHECK(resolver_addresses(resolver, "slow.org", on_done, NULL) != NULL);
	while (done_count == 0)
		uv_run(&loop, UV_RUN_ONCE);
	CHECK(done[0].rcode == DNS_SERVFAIL);
	CHECK(clock_monotonic_ms() - before >= LIMIT_RESOLVER_WAIT_MS - 10);
	CHECK(take(&question));
	CHECK(resolver_addresses(resolver, "slow.org", on_done, NULL) != NULL);
	CHECK(!take(&other));
	say_ip(question.id, DNS_NOERROR);
	CHECK(done_count == 2 && done[1].ips == 1);

	TEST("that there is nothing is forgotten before an address is");
	CHECK(resolver_addresses(resolver, "none.org", on_done, NULL) != NULL);
	CHECK(take(&question));
	say_ip(question.id, DNS_NXDOMAIN);
	poll(NULL, 0, LIMIT_RESOLVER_KEEP_NONE_MS + 50);
	uv_update_time(&loop);
	CHECK(resolver_addresses(resolver, "slow.org", on_done, NULL) != NULL);
	CHECK(!take(&other));
	CHECK(resolver_addresses(resolver, "none.org", on_done, NULL) != NULL);
	CHECK(take(&question));
	CHECK_STR(question.name, "none.org");
	end(resolver);
}

/* Whatever the process says in answer to one question ends all of them. */
static void check_cut(void (*speak)(const struct resolver_question *question))
{
	struct resolver *resolver = resolver_new();
	struct resolver_question question;

	CHECK(resolver_addresses(resolver, "a.org", on_done, NULL) != NULL);
	CHECK(resolver_records(resolver, "b.org", DNS_TXT, on_done, NULL) != NULL);
	CHECK(take(&question));
	speak(&question);
	run_some();
	CHECK(done_count == 2 && done[0].rcode == DNS_SERVFAIL && done[1].rcode == DNS_SERVFAIL);
	CHECK(resolver_addresses(resolver, "c.org", on_done, NULL) != NULL);
	run_some();
	CHECK(done_count == 3 && done[2].rcode == DNS_SERVFAIL);
	end(resolver);
}

static void speak_nonsense(const struct resolver_question *question)
{
	(void)question;
	CHECK(send(child, "nonsense", 8, MSG_NOSIGNAL) == 8);
}

static void speak_unasked(const struct resolver_question *question)
{
	say_ip(question->id + 100, DNS_NOERROR);
}

static void speak_records(const struct resolver_question *question)
{
	static struct resolver_answer answer = {.record_count = 1,
						.records = {{DNS_TXT, 60, VIEW_LIT("\2hi")}}};

	answer.id = question->id;
	say(&answer);
}

/* Of the second question. */
static void speak_other_type(const struct resolver_question *question)
{
	static struct resolver_answer answer = {.record_count = 1,
						.records = {{DNS_A, 60, VIEW_LIT("abcd")}}};

	answer.id = question->id + 1;
	say(&answer);
}

static void speak_end(const struct resolver_question *question)
{
	(void)question;
	shutdown(child, SHUT_RDWR);
}

static void test_hostile(void)
{
	TEST("a process that is gone, or that says what was not asked, is asked nothing more");
	check_cut(speak_nonsense);
	check_cut(speak_unasked);
	check_cut(speak_records);
	check_cut(speak_other_type);
	check_cut(speak_end);
}

int main(void)
{
	uv_loop_init(&loop);
	test_asking();
	test_limits();
	test_hostile();
	test_time();
	CHECK(uv_loop_close(&loop) == 0);
	return tap_done();
}
