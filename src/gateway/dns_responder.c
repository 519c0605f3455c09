// SPDX-License-Identifier: MIT
/*
 * The answers to the guest's queries: see dns_responder.h.
 *
 * Happy path: rate -> message -> policy -> audit -> the host's resolver -> answer.
 * Failure modes: over a rate or a limit, with an audit that cannot be written, or with no address
 * left, the answer is SERVFAIL: a client tries again, while REFUSED or silence would send it to the
 * next server, which is us again.
 */
#include "gateway/dns_responder.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "gateway/audit.h"
#include "gateway/dns_pool.h"
#include "gateway/dns_recent.h"
#include "gateway/local_name.h"
#include "gateway/rate.h"
#include "gateway/resolver.h"
#include "gateway/upstream.h"
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
	IPV4_AT = 12,	  /* where its four bytes are in a `struct ip` */
	PORT_HTTPS = 443, /* which the host's proxy is asked about: a query has no port */
	/* Kinds of dns_recent.h; a type and a verdict are one below these. */
	KIND_NEW_NAME = 1 << 17,
	KIND_TOO_MANY = 1 << 18,
	TYPE_TEXT = 16,
};

struct dns_responder {
	struct gateway *gateway;
	struct rate queries, new_names;
	struct dns_recent *recorded; /* decisions that are in the audit; new names */
	TAILQ_HEAD(, job) jobs;	     /* that wait for the resolver */
	size_t job_count;
};

/* One query. */
struct job {
	struct dns_responder *responder;
	struct dns_query query;
	char name[HOST_NAME_SIZE];
	bool exists; /* whatever the resolver says */
	struct resolver_query *asked;
	dns_responder_done_fn *done;
	void *ctx;
	TAILQ_ENTRY(job) link;
};

static const struct {
	uint16_t type;
	const char *name;
	bool by_resolver; /* its records are handed to the guest as they are */
} types[] = {
	{DNS_A, "A", false},	   {DNS_NS, "NS", true},	{DNS_CNAME, "CNAME", true},
	{DNS_SOA, "SOA", false},   {DNS_PTR, "PTR", false},	{DNS_MX, "MX", true},
	{DNS_TXT, "TXT", true},	   {DNS_AAAA, "AAAA", false},	{DNS_SRV, "SRV", true},
	{DNS_SVCB, "SVCB", false}, {DNS_HTTPS, "HTTPS", false}, {DNS_CAA, "CAA", true},
};

static void type_text(uint16_t type, char ret_text[TYPE_TEXT])
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].type == type) {
			snprintf(ret_text, TYPE_TEXT, "%s", types[i].name);
			return;
		}
	}
	snprintf(ret_text, TYPE_TEXT, "TYPE%u", type);
}

static bool by_resolver(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].type == type)
			return types[i].by_resolver;
	}
	return false;
}

static uint64_t now_of(const struct dns_responder *responder)
{
	return uv_now(responder->gateway->loop);
}

/* --- answers --- */

/* The job is over. */
static void answer(struct job *job, enum dns_rcode rcode, const struct dns_record *records,
		   size_t count)
{
	const struct dns_answer result = {rcode, records, count};

	job->done(job->ctx, &job->query, &result);
	free(job);
}

static void answer_nothing(struct job *job, enum dns_rcode rcode)
{
	answer(job, rcode, NULL, 0);
}

/* Of a name that exists. */
static void answer_exists(struct job *job)
{
	struct gateway *gateway = job->responder->gateway;
	struct dns_record record = {.type = DNS_A, .ttl = LIMIT_DNS_TTL_S};
	struct ip ip;
	struct err err;

	if (job->query.type != DNS_A) {
		answer_nothing(job, DNS_NOERROR);
		return;
	}
	if (dns_pool_address(gateway->pool, job->name, now_of(job->responder), &ip, &err) < 0) {
		answer_nothing(job, DNS_SERVFAIL);
		return;
	}
	record.data = (struct view){(const char *)ip.bytes + IPV4_AT, 4};
	answer(job, DNS_NOERROR, &record, 1);
}

static void answer_pointer(struct job *job)
{
	struct dns_responder *responder = job->responder;
	AUTO_BUF struct buf target = BUF_INIT(DNS_QUESTION_SIZE);
	struct dns_record record = {.type = DNS_PTR, .ttl = LIMIT_DNS_TTL_S};
	const char *name = NULL;
	struct ip ip;

	if (dns_reverse_ip(&job->query, &ip))
		name = dns_pool_name(responder->gateway->pool, &ip, now_of(responder));
	if (!name) {
		answer_nothing(job, DNS_NXDOMAIN);
		return;
	}
	dns_put_name(&target, name);
	record.data = (struct view){target.ptr, target.len};
	answer(job, DNS_NOERROR, &record, 1);
}

/* --- the host's resolver --- */

static void leave(struct job *job)
{
	TAILQ_REMOVE(&job->responder->jobs, job, link);
	job->responder->job_count--;
	job->asked = NULL;
}

static void on_addresses(void *ctx, const struct resolver_reply *reply)
{
	struct job *job = ctx;

	leave(job);
	if (reply->rcode != DNS_NOERROR || (job->query.type == DNS_A && reply->ip_count == 0))
		answer_nothing(job, reply->rcode);
	else
		answer_exists(job);
}

static void on_records(void *ctx, const struct resolver_reply *reply)
{
	struct dns_record records[LIMIT_RESOLVER_RECORDS];
	struct job *job = ctx;

	leave(job);
	for (size_t i = 0; i < reply->record_count; i++) {
		records[i] = reply->records[i];
		records[i].ttl = MIN(records[i].ttl, (uint32_t)LIMIT_DNS_TTL_S);
	}
	if (reply->rcode == DNS_NXDOMAIN && job->exists)
		answer_nothing(job, DNS_NOERROR);
	else
		answer(job, reply->rcode, records, reply->record_count);
}

static void ask_resolver(struct job *job)
{
	struct dns_responder *responder = job->responder;
	struct resolver *resolver = responder->gateway->resolver;
	uint16_t type = job->query.type;

	if (responder->job_count < LIMIT_DNS_PENDING)
		job->asked = by_resolver(type)
				     ? resolver_records(resolver, job->name, (enum dns_type)type,
							on_records, job)
				     : resolver_addresses(resolver, job->name, on_addresses, job);
	if (!job->asked) {
		answer_nothing(job, DNS_SERVFAIL);
		return;
	}
	TAILQ_INSERT_TAIL(&responder->jobs, job, link);
	responder->job_count++;
}

/* --- decisions --- */

/* False: it is not in the audit, and so must not be. */
static bool record(const struct job *job, const struct policy_verdict *verdict)
{
	struct dns_responder *responder = job->responder;
	uint32_t kind = (uint32_t)job->query.type << 1 | verdict->allowed;
	const char *name = job->query.name;
	char type[TYPE_TEXT];
	const struct audit_event event = {
		.what = "dns", .verdict = verdict, .host = name, .type = type};

	if (dns_recent_has(responder->recorded, name, kind, now_of(responder)))
		return true;
	type_text(job->query.type, type);
	if (!audit_write(responder->gateway->audit, &event))
		return false;
	responder->gateway->counters->denied += !verdict->allowed;
	dns_recent_add(responder->recorded, name, kind, now_of(responder));
	return true;
}

/* The policy allows the name as it allows any other, but it is none that leads anywhere. */
static void deny_local(struct policy_verdict *verdict)
{
	verdict->allowed = false;
	snprintf(verdict->reason, sizeof(verdict->reason),
		 "%s is a local name, which has to be allowed by name", verdict->name);
	snprintf(verdict->remedy, sizeof(verdict->remedy),
		 "matchlock run --allow-host '*' --allow-host %s", verdict->name);
}

/* Is it one of too many names that a pattern allows?  They can carry data to whoever serves them.
 */
static bool is_one_too_many(struct job *job)
{
	struct dns_responder *responder = job->responder;
	uint64_t now = now_of(responder);

	if (dns_recent_has(responder->recorded, job->name, KIND_NEW_NAME, now))
		return false;
	if (!rate_take(&responder->new_names, now))
		return true;
	dns_recent_add(responder->recorded, job->name, KIND_NEW_NAME, now);
	return false;
}

static void deny_too_many(struct policy_verdict *verdict)
{
	verdict->allowed = false;
	snprintf(verdict->reason, sizeof(verdict->reason),
		 "too many new names by %s: more than %d a second", verdict->rule,
		 LIMIT_DNS_NEW_RATE);
}

static void decide(struct job *job)
{
	struct gateway *gateway = job->responder->gateway;
	const struct policy_ask ask = {POLICY_DNS, job->query.name, 0};
	enum dns_rcode refusal = job->query.name[0] ? DNS_NXDOMAIN : DNS_NOERROR; /* the root */
	enum policy_known known = POLICY_UNNAMED;
	struct policy_verdict verdict;

	if (policy_check(gateway->policy, &ask, &verdict)) {
		memcpy(job->name, verdict.name, sizeof(job->name));
		known = policy_known(gateway->policy, job->name);
		if (known == POLICY_UNNAMED && local_name(job->name)) {
			deny_local(&verdict);
		} else if (known == POLICY_PATTERN && is_one_too_many(job)) {
			deny_too_many(&verdict);
			refusal = DNS_SERVFAIL;
		}
	}
	if (!record(job, &verdict)) {
		answer_nothing(job, DNS_SERVFAIL);
		return;
	}
	if (!verdict.allowed) {
		answer_nothing(job, refusal);
		return;
	}
	job->exists = known == POLICY_PINNED ||
		      upstream_by_proxy(gateway->upstream, job->name, PORT_HTTPS);
	if (known == POLICY_PINNED || (job->exists && !by_resolver(job->query.type)))
		answer_exists(job);
	else
		ask_resolver(job);
}

/* A flood is recorded once in a while: it would fill the audit, and is nothing but itself. */
static void refuse_flood(struct job *job)
{
	struct dns_responder *responder = job->responder;
	const struct policy_verdict verdict = {.reason = "too many queries a second"};
	const struct audit_event event = {.what = "dns", .verdict = &verdict};
	uint64_t now = now_of(responder);

	if (!dns_recent_has(responder->recorded, "", KIND_TOO_MANY, now) &&
	    audit_write(responder->gateway->audit, &event)) {
		responder->gateway->counters->denied++;
		dns_recent_add(responder->recorded, "", KIND_TOO_MANY, now);
	}
	answer_nothing(job, DNS_SERVFAIL);
}

bool dns_responder_ask(struct dns_responder *responder, struct view message,
		       dns_responder_done_fn *done, void *ctx)
{
	struct job *job = xcalloc(1, sizeof(*job));

	if (!dns_read(message, &job->query)) {
		free(job);
		return false;
	}
	job->responder = responder;
	job->done = done;
	job->ctx = ctx;
	if (!rate_take(&responder->queries, now_of(responder)))
		refuse_flood(job);
	else if (job->query.rcode != DNS_NOERROR)
		answer_nothing(job, job->query.rcode);
	else if (job->query.type == DNS_PTR)
		answer_pointer(job);
	else
		decide(job);
	return true;
}

/* --- new and free --- */

struct dns_responder *dns_responder_new(struct gateway *gateway)
{
	struct dns_responder *responder = xcalloc(1, sizeof(*responder));
	uint64_t now = uv_now(gateway->loop);

	responder->gateway = gateway;
	responder->queries = rate_of(LIMIT_DNS_RATE, LIMIT_DNS_BURST, now);
	responder->new_names = rate_of(LIMIT_DNS_NEW_RATE, LIMIT_DNS_NEW_BURST, now);
	responder->recorded = dns_recent_new(LIMIT_DNS_RECENT, LIMIT_DNS_TTL_S * 1000);
	TAILQ_INIT(&responder->jobs);
	return responder;
}

void dns_responder_free(struct dns_responder *responder)
{
	struct job *job;

	while ((job = TAILQ_FIRST(&responder->jobs))) {
		resolver_cancel(job->asked);
		leave(job);
		job->done(job->ctx, &job->query, NULL);
		free(job);
	}
	dns_recent_free(responder->recorded);
	free(responder);
}
