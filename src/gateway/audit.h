// SPDX-License-Identifier: MIT
/*
 * The audit: one line of JSON for each decision and for the end of each connection, in the order in
 * which they were made.  A line holds no secret and no byte that a terminal would act on.
 *
 * `entry` is the one that the list would need for what no entry of it has allowed.
 *
 * Nothing is dropped: what cannot be recorded does not happen.  Hence the result of audit_write().
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/ip.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stdint.h>

#define AUDIT_FILE "audit.jsonl" /* of a sandbox's directory */

struct audit;

/* Members that are zero are left out of the line. */
struct audit_event {
	const char *what; /* "dns", "connect", "tls", "http": a decision; "end": of a connection */
	uint64_t flow;	  /* the connection's number, from 1: what belongs together */
	const struct policy_verdict *verdict; /* of a decision */
	const char *host;		      /* asked for: a name or an address; "" = none */
	uint16_t port;
	const char *type;	  /* of a DNS query: "A", "TXT", "TYPE4242" */
	struct view method, path; /* of an HTTP request; cut after some hundred bytes */
	unsigned status;	  /* of what we answered an HTTP request ourselves */
	const struct ip *ip;	  /* that was connected to */
	const char *error;	  /* what went wrong, other than by a verdict */
	uint64_t sent, received;  /* bytes from and to the guest */
	uint64_t duration_ms;
};

/* `fd` is opened for appending, and taken over.  `id` is the sandbox's. */
int audit_open(int fd, const char *id, struct audit **ret_audit, struct err *err);
void audit_close(struct audit *audit);

/* False: it could not be recorded (the disk is full, LIMIT_AUDIT_BYTES).  An allowance must then be
 * treated as a denial. */
bool audit_write(struct audit *audit, const struct audit_event *event);
