// SPDX-License-Identifier: MIT
/*
 * Recent names: see dns_recent.h.  libc's balanced tree finds them (no guest can choose names that
 * make it slow), a list has them in the order in which they came, which is that of their ends.
 */
#include "gateway/dns_recent.h"

#include "base/alloc.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct recent_name {
	char *name;
	uint32_t kind;
	uint64_t until_ms;
	TAILQ_ENTRY(recent_name) link;
};

struct dns_recent {
	void *tree;
	TAILQ_HEAD(, recent_name) list; /* the oldest first */
	size_t count, max;
	uint64_t keep_ms;
};

static int by_kind_and_name(const void *a, const void *b)
{
	const struct recent_name *x = a, *y = b;

	return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->name, y->name);
}

struct dns_recent *dns_recent_new(size_t max, uint64_t keep_ms)
{
	struct dns_recent *recent = xcalloc(1, sizeof(*recent));

	assert(max > 0);
	recent->max = max;
	recent->keep_ms = keep_ms;
	TAILQ_INIT(&recent->list);
	return recent;
}

static void drop_oldest(struct dns_recent *recent)
{
	struct recent_name *entry = TAILQ_FIRST(&recent->list);

	TAILQ_REMOVE(&recent->list, entry, link);
	tdelete(entry, &recent->tree, by_kind_and_name);
	recent->count--;
	free(entry->name);
	free(entry);
}

void dns_recent_free(struct dns_recent *recent)
{
	if (!recent)
		return;
	while (recent->count > 0)
		drop_oldest(recent);
	free(recent);
}

bool dns_recent_has(struct dns_recent *recent, const char *name, uint32_t kind, uint64_t now_ms)
{
	const struct recent_name key = {.name = (char *)name, .kind = kind};

	while (recent->count > 0 && TAILQ_FIRST(&recent->list)->until_ms <= now_ms)
		drop_oldest(recent);
	return tfind(&key, &recent->tree, by_kind_and_name) != NULL;
}

void dns_recent_add(struct dns_recent *recent, const char *name, uint32_t kind, uint64_t now_ms)
{
	struct recent_name *entry = xcalloc(1, sizeof(*entry)), **found;

	if (recent->count == recent->max)
		drop_oldest(recent);
	*entry = (struct recent_name){xstrdup(name), kind, now_ms + recent->keep_ms, {0}};
	found = tsearch(entry, &recent->tree, by_kind_and_name);
	assert(found && *found == entry);
	TAILQ_INSERT_TAIL(&recent->list, entry, link);
	recent->count++;
}
