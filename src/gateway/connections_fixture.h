// SPDX-License-Identifier: MIT
/*
 * For tests of the guest's connections: a gateway with real sockets, policy, audit and resolver
 * client, in a network namespace in which everything is at home: the guest connects from it, the
 * gateway listens in it, and servers stand at 2606:4700::N, IPv6 only, so that they can have the
 * same ports.  At the other end of the resolver's socket,
 *
 *	example.com, other.com, third.com	are 2606:4700::1, 2 and 3
 *	private.com	is 10.0.0.1; mixed.com 2606:4700::1 and 10.0.0.1
 *	dead.com	is 2606:4700::9, to which no way leads
 *	mapped.corp	is 2606:4700::3 by --add-host
 *	broken.com	is SERVFAIL, held.com is never answered, all others are NXDOMAIN
 */
#pragma once

#include "base/buf.h"
#include "base/tap.h"
#include "gateway/connections.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { TOLD_MAX = 256 * 1024 };

struct bed {
	uv_loop_t loop;
	struct gateway gateway;
	struct policy *policy;
	struct counters counters;
	struct connections *at_80, *at_443, *at_22; /* what the guest connects to, by port */
	int server_80, server_443, server_22;	    /* what listens at all servers' addresses */
	uv_poll_t child;			    /* the resolver's other end */
	uv_timer_t alarm;
	bool late;
	int child_fd, audit_fd;
	off_t audit_seen;
	size_t asked; /* questions that the resolver had */
	struct buf told;
};

/* Goes into a namespace of its own; false: this machine does not allow it. */
bool enter_namespace(void);

struct bed_spec {
	const char *proxy; /* as upstream_new() has it */
	const char *audit; /* a file in place of the one for audited() */
};

void bed_open(struct bed *bed, const struct bed_spec *spec);
void bed_close(struct bed *bed);

/* In force from then on. */
void set_list(struct bed *bed, const char *hosts);
void set_policy(struct bed *bed, const struct policy_spec *spec);

/* Connects as the guest does, to a name or an address. */
int guest_to(struct bed *bed, const char *host, uint16_t port);
/* The next connection that a server gets; -1: none comes. */
int accepted(struct bed *bed, int server);
/* No server gets one, whatever has still to be done. */
bool nobody_called(struct bed *bed);

void say(int fd, struct view bytes);
void say_text(int fd, const char *text);
/* What comes next: text, "" = the end, "reset", "nothing" for a long time. */
const char *told(struct bed *bed, int fd);
/* The same until there are `len` bytes, or something else than bytes. */
const char *told_all(struct bed *bed, int fd, size_t len);

/* Lets the loop run until the fd is readable, or for this long. */
bool await(struct bed *bed, int fd, uint64_t ms);
void run_ms(struct bed *bed, uint64_t ms);

/* The lines of the audit since the last call, without what differs from one test to the next, each
 * with a line break. */
const char *audited(struct bed *bed);
/* A ClientHello with that name; "" = none. */
void put_hello(struct buf *out, const char *name);
