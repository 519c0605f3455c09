// SPDX-License-Identifier: MIT
/*
 * The addresses that a guest sees in place of real ones: each name that it resolved has one of
 * 198.18.0.0/15, and a connection to it is a connection to that name.
 *
 * An address stays its name's as long as there are others.  When all LIMIT_DNS_NAMES are given, the
 * one that was used longest ago gets a new name, but never one that was used within the lifetime:
 * who still has it must not reach another name by it.
 */
#pragma once

#include "base/err.h"
#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_pool;

/* `max` is at most LIMIT_DNS_NAMES; the lifetime is longer than the TTL that is told to guests. */
struct dns_pool *dns_pool_new(size_t max, uint64_t lifetime_ms);
void dns_pool_free(struct dns_pool *pool);

/* The address of `name`, which is in the form of api/host_name.h; counts as a use.  ERR_LIMIT if
 * all addresses were used within the lifetime. */
int dns_pool_address(struct dns_pool *pool, const char *name, uint64_t now_ms, struct ip *ret_ip,
		     struct err *err);

/* The name of `ip`, until the next dns_pool_address(); counts as a use.  NULL: nobody's. */
const char *dns_pool_name(struct dns_pool *pool, const struct ip *ip, uint64_t now_ms);

/* Is it of 198.18.0.0/15?  Such an address is never a real one, given or not. */
bool dns_pool_covers(const struct ip *ip);
