// SPDX-License-Identifier: MIT
/*
 * What a guest may reach.  Pure: no sockets, no clock, no state; a `struct policy` never changes,
 * so a new one takes its place while connections go on under the old one.
 *
 * A connection is asked about in this order:
 *
 *	DNS	may the name be resolved at all?
 *	CONNECT	may the connection be made?  The verdict says what it must turn out to be (`needs`)
 *	TLS, HTTP, OTHER	once its first bytes are there: by the name in the ClientHello, by
 *the Host of each request, or (neither TLS nor HTTP) by the name of CONNECT policy_check_ips()
 *before dialling, with all addresses of the name
 *
 * The list (struct policy_spec) decides which names and literal addresses:
 *
 *	no list, or `*`		every name, every address, every port
 *	example.com		TLS at port 443, HTTP at port 80
 *	example.com:22		that port, whatever is spoken; a TLS or HTTP name must be allowed
 *	10.1.2.3, 10.0.0.0/8	literal addresses, every port; with :22 that port
 *
 * The private floor (policy/floor.h, and the host's own addresses) then decides where that may
 *lead, in every mode.  Exceptions, each for just one thing:
 *
 *	allow_private		a range that the floor has, but for loopback, multicast and the like
 *	host_services		one name at one port leads to one address, which is all it opens
 *	add_hosts		a name of /etc/hosts leads to its address; ports are the list's
 *	allow_local_nets	RFC 1918, ULA and CGNAT
 *
 * The host's own addresses are opened by the second and third only.
 */
#pragma once

#include "api/host_entry.h"
#include "api/host_service.h"
#include "api/policy_spec.h"
#include "base/err.h"
#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct policy;

enum policy_protocol { POLICY_DNS, POLICY_CONNECT, POLICY_TLS, POLICY_HTTP, POLICY_OTHER };

struct policy_ask {
	enum policy_protocol protocol;
	const char *host; /* a name or a literal address, as it came; "" or NULL = none was given */
	uint16_t port;	  /* not looked at for DNS */
};

/* What an allowed CONNECT must turn out to be; the weakest that a rule gives. */
enum policy_needs {
	POLICY_NEEDS_NOTHING, /* any bytes may pass */
	POLICY_NEEDS_NAME,    /* anything, but a name in TLS or HTTP is asked about */
	POLICY_NEEDS_TLS,     /* TLS to a name that is asked about */
	POLICY_NEEDS_HTTP,    /* HTTP, each request asked about */
};

enum { POLICY_RULE_TEXT = HOST_SERVICE_TEXT + 32, POLICY_REASON_TEXT = 512 };

struct policy_verdict {
	bool allowed;
	enum policy_needs needs;
	char name[HOST_NAME_SIZE];	 /* in its one form, of an add_host its name; "" = `ip` */
	struct ip ip;			 /* the literal address; of an add_host, its address */
	char rule[POLICY_RULE_TEXT];	 /* the flag that decided, "allow-host *.example.com"; "" */
	char reason[POLICY_REASON_TEXT]; /* of a denial, one line; no raw byte of the guest's */
	char entry[HOST_ENTRY_TEXT];	 /* the list's entry that would have been enough; "" */
	char remedy[POLICY_REASON_TEXT]; /* of a denial: the command that allows it; "" = none */
};

/* What a policy knows besides the spec; only looked at by policy_new(). */
struct policy_facts {
	const char *id;		/* of the running VM, for remedies; NULL = none runs yet */
	char *const *add_hosts; /* "NAME:ADDRESS" of api/add_host.h */
	const struct ip *host_ips;
	size_t host_ip_count;
};

/* ERR_INVALID names the value that is wrong: a range for allow_private that no one range of the
 * floor holds, or that is never opened. */
int policy_new(const struct policy_spec *spec, const struct policy_facts *facts,
	       struct policy **ret_policy, struct err *err);
void policy_free(struct policy *policy);

/* Fills the verdict and returns whether it is an allowance. */
bool policy_check(const struct policy *policy, const struct policy_ask *ask,
		  struct policy_verdict *ret_verdict);

/* May an allowed name (verdict.name) lead to these addresses?  All of them must be open: a name
 * with one that is not is a trick or a mistake.  None at all is a denial.  Literal addresses have
 * been judged by policy_check(). */
bool policy_check_ips(const struct policy *policy, const struct policy_ask *ask,
		      const struct ip *ips, size_t count, struct policy_verdict *ret_verdict);

/* What a policy knows of a name, from the least to the most. */
enum policy_known {
	POLICY_UNNAMED, /* what is allowed by `*` or for want of a list, and what is not allowed */
	POLICY_PATTERN, /* a pattern of the list other than `*` has it */
	POLICY_NAMED,	/* it is on the list itself */
	POLICY_PINNED,	/* the user gave it an address, at one port or at all */
};

enum policy_known policy_known(const struct policy *policy, const char *name);

/* The addresses that the user gave this name (verdict.name) at this port: of a host service, else
 * of add_hosts.  A name that has one is not resolved.  Returns how many it has; at most `max` are
 * written. */
size_t policy_pinned(const struct policy *policy, const char *name, uint16_t port,
		     struct ip *ret_ips, size_t max);
