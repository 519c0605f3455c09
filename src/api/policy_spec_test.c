// SPDX-License-Identifier: MIT
#include "api/policy_spec.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"
#include "base/tap.h"

/* The list as one text. */
static void check_list(char *const *list, const char *want)
{
	AUTO_FREE char *got = xstrdup("");

	for (; list && *list; list++) {
		char *longer = xasprintf("%s%s%s", got, *got ? "," : "", *list);

		free(got);
		got = longer;
	}
	CHECK_STR(got, want);
}

#define WORDS(...) ((char *const *)(const char *const[]){__VA_ARGS__, NULL})

static void check_add_delete(void)
{
	AUTO(policy_spec_done) struct policy_spec spec = {0};
	AUTO(auto_strv) char **first = NULL, **second = NULL, **none = NULL, **gone = NULL;
	AUTO(auto_strv) char **rest = NULL;
	struct err err = {0};

	TEST("new entries are told in order, and each is there once");
	CHECK(policy_spec_add_hosts(&spec, WORDS(" b.example ", "", "A.example"), &first, &err) ==
	      0);
	check_list(first, "b.example,a.example");
	CHECK(policy_spec_add_hosts(&spec, WORDS("a.example.", "c.example", "C.example"), &second,
				    &err) == 0);
	check_list(second, "c.example");
	check_list(spec.allow_hosts, "b.example,a.example,c.example");
	CHECK(spec.listed);
	CHECK(policy_spec_add_hosts(&spec, WORDS("c.example"), &none, &err) == 0 && !none);

	TEST("deleted entries are told once; the emptied list is a list");
	CHECK(policy_spec_delete_hosts(&spec, WORDS("A.EXAMPLE", "a.example", "x.example"), &gone,
				       &err) == 0);
	check_list(gone, "a.example");
	check_list(spec.allow_hosts, "b.example,c.example");
	CHECK(policy_spec_delete_hosts(&spec, WORDS("c.example", "b.example"), &rest, &err) == 0);
	check_list(rest, "c.example,b.example");
	CHECK(!spec.allow_hosts && spec.listed);
}

static void check_errors(void)
{
	AUTO(policy_spec_done) struct policy_spec spec = {0};
	AUTO(auto_strv) char **list = NULL, **many = NULL, **more = NULL;
	struct err err = {0};

	TEST("an error changes nothing");
	CHECK(policy_spec_add_hosts(&spec, WORDS("a.example", "a..b"), &list, &err) < 0);
	CHECK(!spec.allow_hosts && !spec.listed && !list);
	CHECK(policy_spec_add_hosts(&spec, WORDS(" ", ""), &list, &err) < 0);
	CHECK_STR(err.msg, "invalid allow-list hosts: no hosts provided");
	CHECK(policy_spec_delete_hosts(&spec, NULL, &list, &err) < 0);
	CHECK(policy_spec_delete_hosts(&spec, WORDS("a..b"), &list, &err) < 0);

	TEST("there is a limit");
	for (int i = 0; i < LIMIT_POLICY_ENTRIES; i++)
		strv_take(&many, xasprintf("h%d.example", i));
	CHECK(policy_spec_add_hosts(&spec, many, &list, &err) == 0);
	CHECK(policy_spec_add_hosts(&spec, WORDS("h1.example"), &more, &err) == 0 && !more);
	CHECK(policy_spec_add_hosts(&spec, WORDS("one.more"), &more, &err) < 0);
	CHECK(err.code == ERR_LIMIT);
	CHECK(strv_count(spec.allow_hosts) == LIMIT_POLICY_ENTRIES);
}

static void check_others(void)
{
	AUTO(policy_spec_done) struct policy_spec spec = {0};
	struct err err = {0};

	TEST("private ranges and host services are no list");
	CHECK(policy_spec_add_private(&spec, "10.0.0.0/8", &err) == 0);
	CHECK(policy_spec_add_private(&spec, "10.0.0.1/32", &err) == 0);
	CHECK(policy_spec_add_private(&spec, "10.0.0.1", &err) == 0);
	check_list(spec.allow_private, "10.0.0.0/8,10.0.0.1");
	CHECK(policy_spec_add_service(&spec, "DB=127.0.0.1:5432", &err) == 0);
	check_list(spec.host_services, "db=127.0.0.1:5432");
	CHECK(!spec.listed);
	CHECK(policy_spec_add_private(&spec, "10.0.0.1/8", &err) < 0);
	CHECK_STR(err.msg, "invalid private range \"10.0.0.1/8\": bits behind the prefix are set: "
			   "write 10.0.0.0/8");
	CHECK(policy_spec_add_service(&spec, "db", &err) < 0);
}

int main(void)
{
	check_add_delete();
	check_errors();
	check_others();
	return tap_done();
}
