// SPDX-License-Identifier: MIT
#include "cli/csv.h"

#include "base/attr.h"
#include "base/auto.h"
#include "base/strv.h"
#include "base/tap.h"

static void check_fields(const char *record, const char *const *want)
{
	AUTO(auto_strv) char **list = NULL;
	struct err err = {0};
	size_t i;

	CHECK(csv_split(record, &list, &err) == 0);
	for (i = 0; want[i]; i++)
		CHECK_STR(i < strv_count(list) ? list[i] : NULL, want[i]);
	CHECK(strv_count(list) == i);
}

static void check_error(const char *record, const char *want)
{
	AUTO(auto_strv) char **list = NULL;
	struct err err = {0};

	CHECK(csv_split(record, &list, &err) < 0 && !list);
	CHECK_STR(err.msg, want);
}

int main(void)
{
	TEST("commas separate, quotes keep together");
	check_fields("a", (const char *const[]){"a", NULL});
	check_fields("a, b,c", (const char *const[]){"a", " b", "c", NULL});
	check_fields("\"K=V@h1,h2\",x", (const char *const[]){"K=V@h1,h2", "x", NULL});
	check_fields("\"a\"\"b\"", (const char *const[]){"a\"b", NULL});
	check_fields("\"a\nb\"", (const char *const[]){"a\nb", NULL});

	TEST("empty fields count, an empty record does not");
	check_fields("", (const char *const[]){NULL});
	check_fields(",", (const char *const[]){"", "", NULL});
	check_fields("a,", (const char *const[]){"a", "", NULL});
	check_fields("\"\"", (const char *const[]){"", NULL});

	TEST("stray and missing quotes are errors with their column");
	check_error("a\"b", "parse error on line 1, column 2: bare \" in non-quoted field");
	check_error("\"a", "parse error on line 1, column 3: extraneous or missing \" in "
			   "quoted-field");
	check_error("x,\"a\"b", "parse error on line 1, column 5: extraneous or missing \" in "
				"quoted-field");
	check_error("a\nb", "parse error on line 1, column 2: line break outside quotes");
	return tap_done();
}
