// SPDX-License-Identifier: MIT
/*
 * The gateway's side of its resolver process: see resolver.h.
 *
 * A question is one name and type; queries wait for it.  It is sent when the process has less than
 * LIMIT_RESOLVER_ASKED of them, answered, remembered if it is about addresses, and forgotten.  A
 * query whose question is answered is called from the loop, by a timer of no time.
 * Failure modes: a query that has waited for too long ends with SERVFAIL, while its question goes
 * on, so that the answer is there when it is asked again.  When the process is gone, or says what
 * makes no sense, everything asked is SERVFAIL from then on.
 * Close: one callback a handle is counted; the last frees.
 */
#include "gateway/resolver.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "gateway/resolver_wire.h"

#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum state { STATE_QUEUED, STATE_ASKED, STATE_ANSWERED };

/* Each holds itself in `questions`; it is in the list of its state. */
struct question {
	struct resolver_question what;
	enum state state;
	unsigned queries;  /* that wait for it */
	uint64_t until_ms; /* of an answer: when it is forgotten */
	struct ip *ips;
	struct dns_record *records;
	char *data; /* of the records */
	struct resolver_reply reply;
	TAILQ_ENTRY(question) link;
};

struct resolver_query {
	struct resolver *resolver;
	struct question *question;
	uint64_t until_ms;
	resolver_done_fn *done;
	void *ctx;
	bool ready; /* in `ready`, else in `waiting` */
	TAILQ_ENTRY(resolver_query) link;
};

TAILQ_HEAD(question_list, question);
TAILQ_HEAD(query_list, resolver_query);

struct resolver {
	uv_poll_t poll;
	uv_timer_t timer;
	int sock;
	bool gone;				      /* the process */
	void *questions;			      /* by type and name */
	struct question_list queued, asked, answered; /* each the oldest first */
	size_t asked_count, kept_count;		      /* of `asked` and `answered` */
	uint32_t last_id;
	struct query_list waiting, ready; /* the oldest first: its time is up first */
	size_t query_count;		  /* of both */
	unsigned handles;
};

static int by_what(const void *a, const void *b)
{
	const struct resolver_question *x = &((const struct question *)a)->what;
	const struct resolver_question *y = &((const struct question *)b)->what;

	return x->type != y->type ? (x->type < y->type ? -1 : 1) : strcmp(x->name, y->name);
}

/* --- questions --- */

static struct question_list *list_of(struct resolver *resolver, enum state state)
{
	switch (state) {
	case STATE_QUEUED:
		return &resolver->queued;
	case STATE_ASKED:
		return &resolver->asked;
	case STATE_ANSWERED:
	default:
		return &resolver->answered;
	}
}

static void leave_list(struct resolver *resolver, struct question *question)
{
	TAILQ_REMOVE(list_of(resolver, question->state), question, link);
	resolver->asked_count -= question->state == STATE_ASKED;
	resolver->kept_count -= question->state == STATE_ANSWERED;
}

static void enter_list(struct resolver *resolver, struct question *question, enum state state)
{
	question->state = state;
	TAILQ_INSERT_TAIL(list_of(resolver, state), question, link);
	resolver->asked_count += state == STATE_ASKED;
	resolver->kept_count += state == STATE_ANSWERED;
}

static void forget(struct resolver *resolver, struct question *question)
{
	assert(question->queries == 0);
	leave_list(resolver, question);
	tdelete(question, &resolver->questions, by_what);
	free(question->ips);
	free(question->records);
	free(question->data);
	free(question);
}

/* An answer that is not remembered goes with the last query that got it. */
static void forget_used(struct resolver *resolver, struct question *question)
{
	if (question->state == STATE_ANSWERED && question->queries == 0 &&
	    question->until_ms <= uv_now(resolver->timer.loop))
		forget(resolver, question);
}

/* Answers that are too old, or too many. */
static void forget_old(struct resolver *resolver)
{
	uint64_t now = uv_now(resolver->timer.loop);
	struct question *at, *next;

	for (at = TAILQ_FIRST(&resolver->answered); at; at = next) {
		next = TAILQ_NEXT(at, link);
		if (at->until_ms > now && resolver->kept_count <= LIMIT_RESOLVER_KEPT)
			break;
		if (at->queries == 0)
			forget(resolver, at);
	}
}

/* The question as it stands; a new one is queued. */
static struct question *find(struct resolver *resolver, const char *name, uint16_t type)
{
	struct question key = {.what = {.type = type}}, *question, **found;
	size_t len = strlen(name);

	assert(len < sizeof(key.what.name));
	memcpy(key.what.name, name, len + 1);
	found = tfind(&key, &resolver->questions, by_what);
	if (found && ((*found)->state != STATE_ANSWERED ||
		      (*found)->until_ms > uv_now(resolver->timer.loop)))
		return *found;
	if (found && (*found)->queries > 0)
		return *found; /* just answered */
	if (found)
		forget(resolver, *found);
	question = xcalloc(1, sizeof(*question));
	question->what = key.what;
	question->what.id = ++resolver->last_id;
	found = tsearch(question, &resolver->questions, by_what);
	assert(found && *found == question);
	enter_list(resolver, question, STATE_QUEUED);
	return question;
}

/* --- queries --- */

static void on_timer(uv_timer_t *timer);

/* Once for all that is ready, else when the first query has waited for too long. */
static void set_timer(struct resolver *resolver)
{
	uint64_t now = uv_now(resolver->timer.loop), wait;
	const struct resolver_query *first = TAILQ_FIRST(&resolver->waiting);

	if (!TAILQ_EMPTY(&resolver->ready)) {
		uv_timer_start(&resolver->timer, on_timer, 0, 0);
		return;
	}
	if (!first) {
		uv_timer_stop(&resolver->timer);
		return;
	}
	wait = first->until_ms > now ? first->until_ms - now : 0;
	uv_timer_start(&resolver->timer, on_timer, wait, 0);
}

static void make_ready(struct resolver *resolver, struct resolver_query *query)
{
	TAILQ_REMOVE(&resolver->waiting, query, link);
	TAILQ_INSERT_TAIL(&resolver->ready, query, link);
	query->ready = true;
}

static void drop_query(struct resolver *resolver, struct resolver_query *query)
{
	struct question *question = query->question;

	TAILQ_REMOVE(query->ready ? &resolver->ready : &resolver->waiting, query, link);
	question->queries--;
	resolver->query_count--;
	free(query);
	forget_used(resolver, question);
}

/* Calls one that is ready; its question may be asked again from within. */
static void call(struct resolver *resolver, struct resolver_query *query)
{
	static const struct resolver_reply unknown = {.rcode = DNS_SERVFAIL};
	struct question *question = query->question;
	resolver_done_fn *done = query->done;
	void *ctx = query->ctx;

	question->queries++;
	drop_query(resolver, query);
	done(ctx, question->state == STATE_ANSWERED ? &question->reply : &unknown);
	question->queries--;
	forget_used(resolver, question);
}

static void on_timer(uv_timer_t *timer)
{
	struct resolver *resolver = timer->data;
	uint64_t now = uv_now(timer->loop);
	struct resolver_query *query, *last;

	while ((query = TAILQ_FIRST(&resolver->waiting)) && query->until_ms <= now)
		make_ready(resolver, query);
	/* Not those that the calls themselves make ready, which may go on for ever. */
	last = TAILQ_LAST(&resolver->ready, query_list);
	while ((query = TAILQ_FIRST(&resolver->ready))) {
		bool is_last = query == last;

		call(resolver, query);
		if (is_last)
			break;
	}
	forget_old(resolver);
	set_timer(resolver);
}

/* --- the process --- */

static void settle(struct resolver *resolver, struct question *question,
		   const struct resolver_answer *answer);

static void end(struct resolver *resolver)
{
	static const struct resolver_answer unknown = {.rcode = DNS_SERVFAIL};
	struct question *question;

	resolver->gone = true;
	uv_poll_stop(&resolver->poll);
	while ((question = TAILQ_FIRST(&resolver->asked)))
		settle(resolver, question, &unknown);
	while ((question = TAILQ_FIRST(&resolver->queued)))
		settle(resolver, question, &unknown);
}

/* Room for all of them is certain: LIMIT_RESOLVER_ASKED are a fraction of a socket's queue. */
static bool send_question(struct resolver *resolver, const struct question *question)
{
	AUTO_BUF struct buf packet = BUF_INIT(RESOLVER_QUESTION_MAX);

	resolver_question_pack(&packet, &question->what);
	return send(resolver->sock, packet.ptr, packet.len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

static void send_queued(struct resolver *resolver)
{
	struct question *question;

	while (resolver->asked_count < LIMIT_RESOLVER_ASKED &&
	       (question = TAILQ_FIRST(&resolver->queued))) {
		leave_list(resolver, question);
		enter_list(resolver, question, STATE_ASKED);
		if (resolver->gone || !send_question(resolver, question)) {
			end(resolver);
			return;
		}
	}
}

static void keep_records(struct question *question, const struct resolver_answer *answer)
{
	size_t count = answer->record_count, total = 0;
	char *at;

	for (size_t i = 0; i < count; i++)
		total += answer->records[i].data.len;
	question->data = at = xcalloc(total + 1, 1);
	question->records = xcalloc(count, sizeof(*question->records));
	for (size_t i = 0; i < count; i++) {
		struct view data = answer->records[i].data;

		memcpy(at, data.ptr, data.len);
		question->records[i] = answer->records[i];
		question->records[i].data.ptr = at;
		at += data.len;
	}
}

static uint64_t keep_ms(const struct question *question)
{
	if (question->what.type != RESOLVER_ADDRESSES)
		return 0;
	return question->reply.ip_count > 0 ? LIMIT_RESOLVER_KEEP_MS : LIMIT_RESOLVER_KEEP_NONE_MS;
}

static void settle(struct resolver *resolver, struct question *question,
		   const struct resolver_answer *answer)
{
	struct resolver_query *query, *next;

	if (answer->ip_count > 0)
		question->ips = xmemdup(answer->ips, answer->ip_count * sizeof(*answer->ips));
	if (answer->record_count > 0)
		keep_records(question, answer);
	question->reply = (struct resolver_reply){answer->rcode, question->ips, answer->ip_count,
						  question->records, answer->record_count};
	question->until_ms = uv_now(resolver->timer.loop) + keep_ms(question);
	leave_list(resolver, question);
	enter_list(resolver, question, STATE_ANSWERED);
	for (query = TAILQ_FIRST(&resolver->waiting); query && question->queries > 0;
	     query = next) {
		next = TAILQ_NEXT(query, link);
		if (query->question == question)
			make_ready(resolver, query);
	}
	forget_used(resolver, question);
	set_timer(resolver);
}

/* The one that it answers; NULL if it answers none, or with what was not asked. */
static struct question *question_of(struct resolver *resolver, const struct resolver_answer *answer)
{
	struct question *question;

	TAILQ_FOREACH(question, &resolver->asked, link)
	{
		if (question->what.id == answer->id)
			break;
	}
	if (!question)
		return NULL;
	if (question->what.type == RESOLVER_ADDRESSES ? answer->record_count > 0
						      : answer->ip_count > 0)
		return NULL;
	for (size_t i = 0; i < answer->record_count; i++) {
		if (answer->records[i].type != question->what.type)
			return NULL;
	}
	return question;
}

/* False when it is gone, or has to be taken for it. */
static bool receive(struct resolver *resolver)
{
	char packet[LIMIT_RESOLVER_PACKET];
	struct resolver_answer told;
	struct question *question;
	struct err err;
	ssize_t len = recv(resolver->sock, packet, sizeof(packet), MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (len <= 0)
		return false;
	if (resolver_answer_unpack((struct view){packet, (size_t)len}, &told, &err) < 0) {
		log_warn("gateway", "%s", err.msg);
		return false;
	}
	question = question_of(resolver, &told);
	if (!question)
		return false;
	settle(resolver, question, &told);
	return true;
}

static void on_packet(uv_poll_t *poll, int status, int events)
{
	struct resolver *resolver = poll->data;

	(void)events;
	if (status < 0 || !receive(resolver))
		end(resolver);
	else
		send_queued(resolver);
}

/* --- asking --- */

static struct resolver_query *ask(struct resolver *resolver, const char *name, uint16_t type,
				  resolver_done_fn *done, void *ctx)
{
	struct resolver_query *query;

	if (resolver->query_count >= LIMIT_RESOLVER_QUERIES)
		return NULL;
	query = xcalloc(1, sizeof(*query));
	*query = (struct resolver_query){.resolver = resolver, .done = done, .ctx = ctx};
	query->question = find(resolver, name, type);
	query->question->queries++;
	query->until_ms = uv_now(resolver->timer.loop) + LIMIT_RESOLVER_WAIT_MS;
	resolver->query_count++;
	TAILQ_INSERT_TAIL(&resolver->waiting, query, link);
	if (query->question->state == STATE_ANSWERED)
		make_ready(resolver, query);
	send_queued(resolver);
	set_timer(resolver);
	return query;
}

struct resolver_query *resolver_addresses(struct resolver *resolver, const char *name,
					  resolver_done_fn *done, void *ctx)
{
	return ask(resolver, name, RESOLVER_ADDRESSES, done, ctx);
}

struct resolver_query *resolver_records(struct resolver *resolver, const char *name,
					enum dns_type type, resolver_done_fn *done, void *ctx)
{
	return ask(resolver, name, (uint16_t)type, done, ctx);
}

void resolver_cancel(struct resolver_query *query)
{
	struct resolver *resolver = query->resolver;

	drop_query(resolver, query);
	set_timer(resolver);
}

/* --- open and close --- */

static void on_closed(uv_handle_t *handle)
{
	struct resolver *resolver = handle->data;

	if (--resolver->handles == 0)
		free(resolver);
}

static struct resolver *new_resolver(uv_loop_t *loop, int sock)
{
	struct resolver *resolver = xcalloc(1, sizeof(*resolver));

	resolver->sock = sock;
	TAILQ_INIT(&resolver->queued);
	TAILQ_INIT(&resolver->asked);
	TAILQ_INIT(&resolver->answered);
	TAILQ_INIT(&resolver->waiting);
	TAILQ_INIT(&resolver->ready);
	uv_timer_init(loop, &resolver->timer);
	resolver->timer.data = resolver;
	resolver->handles = 1;
	return resolver;
}

int resolver_open(uv_loop_t *loop, int sock, struct resolver **ret_resolver, struct err *err)
{
	struct resolver *resolver = new_resolver(loop, sock);
	int status = uv_poll_init(loop, &resolver->poll, sock);

	if (status < 0) {
		uv_close((uv_handle_t *)&resolver->timer, on_closed);
		close(sock);
		return err_set(err, ERR_IO, "watch the resolver: %s", uv_strerror(status));
	}
	resolver->poll.data = resolver;
	resolver->handles++;
	uv_poll_start(&resolver->poll, UV_READABLE, on_packet);
	*ret_resolver = resolver;
	return 0;
}

static void forget_all(struct resolver *resolver, struct question_list *list)
{
	struct question *question;

	while ((question = TAILQ_FIRST(list)))
		forget(resolver, question);
}

void resolver_close(struct resolver *resolver)
{
	struct resolver_query *query;

	while ((query = TAILQ_FIRST(&resolver->waiting)) || (query = TAILQ_FIRST(&resolver->ready)))
		drop_query(resolver, query);
	forget_all(resolver, &resolver->queued);
	forget_all(resolver, &resolver->asked);
	forget_all(resolver, &resolver->answered);
	uv_close((uv_handle_t *)&resolver->poll, on_closed);
	uv_close((uv_handle_t *)&resolver->timer, on_closed);
	close(resolver->sock);
}
