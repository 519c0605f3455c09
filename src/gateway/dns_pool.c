// SPDX-License-Identifier: MIT
/*
 * Synthetic addresses: see dns_pool.h.  Slot N is 198.18.0.0 + N + 1.  Slots are found by address
 * in an array, by name in libc's balanced tree (no guest can choose names that make it slow), and
 * hang in a list, least recently used first.  Memory: a slot and a name of 253 bytes at most for
 * each name asked, none for those never asked.
 */
#include "gateway/dns_pool.h"

#include "base/alloc.h"
#include "base/limits.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t pool_base[4] = {198, 18, 0, 0};

enum { POOL_BITS = 17, IPV4_AT = 12 }; /* where its four bytes are in a `struct ip` */

struct slot {
	char *name;
	uint32_t number;
	uint64_t used_ms;
	struct slot *older, *newer;
};

struct dns_pool {
	struct slot **slots; /* by number; `count` of room for `cap` */
	size_t count, cap, max;
	uint64_t lifetime_ms;
	void *by_name;
	struct slot *oldest, *newest;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct slot *)a)->name, ((const struct slot *)b)->name);
}

struct dns_pool *dns_pool_new(size_t max, uint64_t lifetime_ms)
{
	struct dns_pool *pool = xcalloc(1, sizeof(*pool));

	assert(max >= 1 && max <= LIMIT_DNS_NAMES);
	pool->max = max;
	pool->lifetime_ms = lifetime_ms;
	return pool;
}

void dns_pool_free(struct dns_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < pool->count; i++) {
		tdelete(pool->slots[i], &pool->by_name, by_name);
		free(pool->slots[i]->name);
		free(pool->slots[i]);
	}
	free(pool->slots);
	free(pool);
}

static void list_remove(struct dns_pool *pool, struct slot *slot)
{
	*(slot->older ? &slot->older->newer : &pool->oldest) = slot->newer;
	*(slot->newer ? &slot->newer->older : &pool->newest) = slot->older;
}

static void list_append(struct dns_pool *pool, struct slot *slot)
{
	slot->older = pool->newest;
	slot->newer = NULL;
	*(pool->newest ? &pool->newest->newer : &pool->oldest) = slot;
	pool->newest = slot;
}

static void use(struct dns_pool *pool, struct slot *slot, uint64_t now_ms)
{
	slot->used_ms = now_ms;
	list_remove(pool, slot);
	list_append(pool, slot);
}

static struct slot *new_slot(struct dns_pool *pool)
{
	struct slot *slot = xcalloc(1, sizeof(*slot));

	if (pool->count == pool->cap) {
		pool->cap = pool->cap ? 2 * pool->cap : 64;
		pool->slots = xreallocarray(pool->slots, pool->cap, sizeof(struct slot *));
	}
	slot->number = (uint32_t)pool->count;
	pool->slots[pool->count++] = slot;
	list_append(pool, slot);
	return slot;
}

/* A slot without a name, the last in the list. */
static struct slot *take_slot(struct dns_pool *pool, uint64_t now_ms)
{
	struct slot *slot = pool->oldest;

	if (pool->count < pool->max)
		return new_slot(pool);
	if (now_ms - slot->used_ms <= pool->lifetime_ms)
		return NULL;
	tdelete(slot, &pool->by_name, by_name);
	free(slot->name);
	return slot;
}

static struct ip slot_ip(const struct slot *slot)
{
	struct ip ip = {.bytes = {[10] = 0xff, [11] = 0xff}};
	uint32_t number = slot->number + 1;

	memcpy(ip.bytes + IPV4_AT, pool_base, sizeof(pool_base));
	ip.bytes[IPV4_AT + 1] |= (uint8_t)(number >> 16);
	ip.bytes[IPV4_AT + 2] = (uint8_t)(number >> 8);
	ip.bytes[IPV4_AT + 3] = (uint8_t)number;
	return ip;
}

int dns_pool_address(struct dns_pool *pool, const char *name, uint64_t now_ms, struct ip *ret_ip,
		     struct err *err)
{
	struct slot **found = tfind(&(struct slot){.name = (char *)name}, &pool->by_name, by_name);
	struct slot *slot = found ? *found : take_slot(pool, now_ms);

	if (!slot)
		return err_set(err, ERR_LIMIT, "more than %zu names were resolved within %llu s",
			       pool->max, (unsigned long long)(pool->lifetime_ms / 1000));
	if (!found) {
		slot->name = xstrdup(name);
		found = tsearch(slot, &pool->by_name, by_name);
		assert(found && *found == slot);
	}
	use(pool, slot, now_ms);
	*ret_ip = slot_ip(slot);
	return 0;
}

bool dns_pool_covers(const struct ip *ip)
{
	struct ip_net net = {.base = {.bytes = {[10] = 0xff, [11] = 0xff}},
			     .bits = 128 - POOL_BITS};

	memcpy(net.base.bytes + IPV4_AT, pool_base, sizeof(pool_base));
	return ip_net_contains(&net, ip);
}

const char *dns_pool_name(struct dns_pool *pool, const struct ip *ip, uint64_t now_ms)
{
	const uint8_t *v4 = ip->bytes + IPV4_AT;
	uint32_t number = (uint32_t)(v4[1] & 1) << 16 | (uint32_t)v4[2] << 8 | v4[3];

	if (!dns_pool_covers(ip) || number == 0 || number > pool->count)
		return NULL;
	use(pool, pool->slots[number - 1], now_ms);
	return pool->slots[number - 1]->name;
}
