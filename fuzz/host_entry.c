// SPDX-License-Identifier: MIT
/*
 * api/host_entry.c and policy/: the first line is an entry of an allow-list as a user types it, the
 * second a host as a guest asks for it.  Besides not crashing: an entry is written in one way, a
 * name has one form, and nothing that the entry allows is below the floor.
 */
#include "api/host_entry.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "fuzz/fuzz.h"
#include "policy/floor.h"
#include "policy/policy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

DEFINE_AUTO(policy)

static void check_name(const char *text)
{
	char name[HOST_NAME_SIZE], again[HOST_NAME_SIZE];
	struct err err = {0};
	bool same;
	int rc;

	if (!host_name_read(text, name))
		return;
	same = host_name_read(name, again) && strcmp(name, again) == 0;
	assert(same);
	rc = host_name_typed(text, false, again, &err);
	assert(rc == 0 && strcmp(name, again) == 0);
}

static void check_asks(const char *entry, const char *host)
{
	char *hosts[] = {(char *)entry, NULL};
	struct policy_spec spec = {.listed = true, .allow_hosts = hosts};
	struct policy_facts facts = {.id = "vm-fuzz"};
	AUTO(auto_policy) struct policy *policy = NULL;
	struct policy_verdict verdict;
	struct err err = {0};
	int rc = policy_new(&spec, &facts, &policy, &err);

	assert(rc == 0);
	for (int protocol = POLICY_DNS; protocol <= POLICY_OTHER; protocol++) {
		struct policy_ask ask = {(enum policy_protocol)protocol, host, 443};
		bool allowed = policy_check(policy, &ask, &verdict);

		assert(allowed == verdict.allowed && allowed == !verdict.reason[0]);
		assert(!allowed || verdict.rule[0]);
		if (allowed && !verdict.name[0])
			assert(!floor_find(&verdict.ip));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	char *newline = strchr(text, '\n'), *host = newline ? newline + 1 : text;
	char written[HOST_ENTRY_TEXT], again[HOST_ENTRY_TEXT];
	struct host_entry entry;
	struct err err = {0};
	int rc;

	if (newline)
		*newline = '\0';
	check_name(text);
	check_name(host);
	if (host_entry_parse(text, &entry, &err) < 0) {
		assert(err.code == ERR_INVALID && err.msg[0]);
		check_asks("*", host);
		return 0;
	}
	host_entry_format(&entry, written);
	rc = host_entry_parse(written, &entry, &err);
	assert(rc == 0);
	host_entry_format(&entry, again);
	assert(strcmp(written, again) == 0);
	check_asks(written, host);
	return 0;
}
