// SPDX-License-Identifier: MIT
/*
 * api/policy_file.c: the input is a policy file.  Besides not crashing: what is accepted, written
 * and read again is the same, and a policy that is made of it opens neither loopback nor the
 * metadata address by name alone.
 */
#include "api/policy_file.h"

#include "base/auto.h"
#include "base/limits.h"
#include "fuzz/fuzz.h"
#include "policy/policy.h"

#include <assert.h>
#include <stdlib.h>

DEFINE_AUTO(policy)

static void check_policy(const struct policy_spec *spec)
{
	struct policy_facts facts = {0};
	AUTO(auto_policy) struct policy *policy = NULL;
	struct policy_ask ask = {POLICY_CONNECT, "127.0.0.1", 80};
	struct policy_verdict verdict;
	struct err err = {0};
	struct ip loopback;

	if (policy_new(spec, &facts, &policy, &err) < 0) {
		assert(err.code == ERR_INVALID && err.msg[0]);
		return;
	}
	policy_check(policy, &ask, &verdict);
	assert(!verdict.allowed);
	ip_parse("127.0.0.1", &loopback);
	ask.host = "not-in-any-corpus.test";
	policy_check_ips(policy, &ask, &loopback, 1, &verdict);
	assert(!verdict.allowed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(policy_spec_done) struct policy_spec spec = {0}, again = {0};
	struct buf text AUTO_BUF = BUF_INIT(16 * LIMIT_POLICY_BYTES);
	struct buf twice AUTO_BUF = BUF_INIT(16 * LIMIT_POLICY_BYTES);
	struct err err = {0};
	int rc;

	if (policy_file_parse(&spec, (struct view){(const char *)data, size}, &err) < 0) {
		assert(err.code != ERR_NONE && err.msg[0]);
		return 0;
	}
	policy_file_write(&spec, &text);
	assert(!text.failed);
	rc = policy_file_parse(&again, (struct view){text.ptr, text.len}, &err);
	assert(rc == 0 && again.listed);
	policy_file_write(&again, &twice);
	assert(text.len == twice.len && memcmp(text.ptr, twice.ptr, text.len) == 0);
	check_policy(&spec);
	return 0;
}
