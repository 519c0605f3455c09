// SPDX-License-Identifier: MIT
/*
 * For tests of the guest's name server: it stands on real sockets, with a real policy, audit and
 * resolver client.  At the other end of the resolver's socket, names that begin with
 *
 *	missing		do not exist
 *	broken		are SERVFAIL
 *	empty		exist and have nothing
 *	six		have an IPv6 address only
 *	big		have 40,000 bytes of TXT
 *	held		are answered when the test says so
 *
 * and all others have an IPv4 address and the TXT "hello".
 */
#pragma once

#include "base/auto.h"
#include "base/limits.h"
#include "base/tap.h"
#include "gateway/dns_server.h"
#include "gateway/resolver_wire.h"
#include "policy/policy.h"

enum { ASKED_MAX = 64, REPLY_MAX = 65535 };

struct upstream {
	const char *by_proxy; /* a name that the proxy gets */
};

struct bed {
	uv_loop_t loop;
	struct gateway gateway;
	struct policy *policy;
	struct upstream upstream;
	struct counters counters;
	struct dns_server *server;
	uv_poll_t child; /* the resolver's other end */
	int child_fd, client_fd, audit_fd;
	uint16_t port;
	size_t asked, held_count; /* questions so far; those of "held..." names, not answered */
	struct resolver_question questions[ASKED_MAX], held[ASKED_MAX];
	uv_timer_t alarm;
	bool late;
};

/* A bed without a list; its synthetic addresses are at most `pool_max`.  `audit`: a file, NULL: one
 * of its own, for audited(). */
void bed_open(struct bed *bed, size_t pool_max, const char *audit);
void bed_close(struct bed *bed);

char **words(const char *text); /* separated by blanks */
/* In force from then on; pinned.corp is always one of the add_hosts. */
void set_policy(struct bed *bed, const struct policy_spec *spec);
void set_list(struct bed *bed, const char *text);

/* Lets the loop run until `fd` can be read; false when that takes too long. */
bool await(struct bed *bed, int fd);
/* What is ready now, and what follows from it. */
void run_some(struct bed *bed);

/* What the resolver was asked, and how often the audit has `text`. */
bool was_asked(const struct bed *bed, const char *name);
size_t audited(const struct bed *bed, const char *text);
void answer_question(struct bed *bed, const struct resolver_question *question);

struct reply {
	uint8_t bytes[REPLY_MAX];
	size_t len;
	int rcode, count;
	bool cut; /* TC */
	uint16_t type;
	uint32_t ttl;
	struct view data;
};

void put_query(struct buf *out, const char *name, uint16_t type);
void parse_reply(struct reply *reply);
/* The next reply over UDP; rcode -1: none came. */
void receive(struct bed *bed, struct reply *ret_reply);
void ask(struct bed *bed, const char *name, uint16_t type, struct reply *ret_reply);

/* "NOERROR 198.18.0.1", "NXDOMAIN", "NOERROR": what a name and type get. */
const char *told(struct bed *bed, const char *name, uint16_t type);
