// SPDX-License-Identifier: MIT
/*
 * Patterns: the truth table that the program before had tests for, what it matched too widely, and
 * a slow matcher that tries everything.
 */
#include "policy/match.h"

#include "base/attr.h"
#include "base/tap.h"

#include <stdlib.h>

static const struct {
	const char *pattern, *name;
	bool matches;
} rows[] = {
	{"example.com", "example.com", true},
	{"example.com", "www.example.com", false},
	{"example.com", "example.com.evil.test", false},
	{"example.com", "notexample.com", false},
	{"example.com", "example.co", false},
	{"example.com", "xexample.com", false},
	{"example.com", "exampleXcom", false},
	{"localhost", "localhost", true},
	{"localhost", "localhost.localdomain", false},
	{"*", "example.com", true},
	{"*", "localhost", true},
	{"*", "a.b.c.d", true},
	/* a leading star: all depths, not the apex */
	{"*.example.com", "www.example.com", true},
	{"*.example.com", "a.b.example.com", true},
	{"*.example.com", "a.b.c.d.example.com", true},
	{"*.example.com", "example.com", false},
	{"*.example.com", "wwwexample.com", false},
	{"*.example.com", "example.com.evil.test", false},
	{"*.example.com", "evil.test", false},
	{"*.com", "example.com", true},
	{"*.com", "com", false},
	{"*.*.example.com", "a.b.example.com", true},
	{"*.*.example.com", "a.b.c.example.com", true},
	{"*.*.example.com", "a.example.com", false},
	{"*.*", "a.b", true},
	{"*.*", "a.b.c", true},
	{"*.*", "a", false},
	{"*.example.*", "a.example.com", true},
	{"*.example.*", "a.b.example.com", true},
	{"*.example.*", "a.example.evil.test", false},
	{"*.a*.test", "x.abc.test", true},
	{"*.a*.test", "x.y.abc.test", true},
	{"*.a*.test", "abc.test", false},
	/* a star within a label */
	{"api-*.example.com", "api-v1.example.com", true},
	{"api-*.example.com", "api-.example.com", true},
	{"api-*.example.com", "api.example.com", false},
	{"api-*.example.com", "api-v1.x.example.com", false},
	{"api-*.example.com", "x.api-v1.example.com", false},
	{"*-prod.example.com", "api-prod.example.com", true},
	{"*-prod.example.com", "a.api-prod.example.com", false},
	{"*-prod.example.com", "api-prod.x.example.com", false},
	{"api-*-*.example.com", "api-v1-prod.example.com", true},
	{"api-*-*.example.com", "api-v1.example.com", false},
	{"a*b*c.test", "abc.test", true},
	{"a*b*c.test", "axbxbxc.test", true},
	{"a*b*c.test", "acb.test", false},
	{"a**b.test", "ab.test", true},
	{"a**b.test", "axyb.test", true},
	{"www.*.example.com", "www.a.example.com", true},
	{"www.*.example.com", "www.a.b.example.com", false},
	{"www.*.example.com", "www.example.com", false},
	/* a star at the end: one label, where it was any number of them */
	{"github.*", "github.com", true},
	{"github.*", "github.evil.com", false},
	{"github.*", "github", false},
	{"*github.com", "github.com", true},
	{"*github.com", "notgithub.com", true},
	{"*github.com", "api.github.com", false},
	{"exam*", "example", true},
	{"exam*", "example.com", false},
	{"**", "example", true},
	{"**", "example.com", false},
	{"xn--*.example", "xn--bcher-kva.example", true},
};

/* Every way of taking characters for a star, one after the other; dots end labels. */
static bool slow_labels(const char *pattern, const char *name)
{
	if (*pattern == '*')
		return slow_labels(pattern + 1, name) ||
		       (*name && *name != '.' && slow_labels(pattern, name + 1));
	if (*pattern != *name)
		return false;
	return !*pattern || slow_labels(pattern + 1, name + 1);
}

static bool slow(const char *pattern, const char *name)
{
	if (strcmp(pattern, "*") == 0)
		return true;
	if (strncmp(pattern, "*.", 2) != 0)
		return slow_labels(pattern, name);
	for (const char *rest = name + 1; *name && *rest; rest++) {
		if (rest[-1] == '.' && rest - 1 > name && slow_labels(pattern + 2, rest))
			return true;
	}
	return false;
}

/* A text of up to 9 characters, no two dots together nor one at an end. */
static void random_text(const char *alphabet, char *ret_text)
{
	size_t len = 1 + (size_t)random() % 9;

	for (size_t i = 0; i < len; i++) {
		do
			ret_text[i] = alphabet[(size_t)random() % strlen(alphabet)];
		while (ret_text[i] == '.' && (i == 0 || i == len - 1 || ret_text[i - 1] == '.'));
	}
	ret_text[len] = '\0';
}

int main(void)
{
	char pattern[16], name[16];
	unsigned wrong = 0, matched = 0;

	TEST("the truth table");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool matches = match_name(rows[i].pattern, rows[i].name);

		CHECK(matches == rows[i].matches);
		if (matches != rows[i].matches)
			printf("# %s, %s\n", rows[i].pattern, rows[i].name);
	}

	TEST("500,000 random patterns and names: as the slow matcher says");
	srandom(1);
	for (int i = 0; i < 500000; i++) {
		random_text("ab.**", pattern);
		random_text("ab.", name);
		matched += slow(pattern, name);
		wrong += match_name(pattern, name) != slow(pattern, name);
	}
	CHECK(wrong == 0);
	CHECK(matched > 10000);

	TEST("many stars take no long time");
	CHECK(!match_name("a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
			  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	return tap_done();
}
