// SPDX-License-Identifier: MIT
#include "base/text.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/tap.h"

#include <math.h>
#include <stdlib.h>

static struct err err;

static int64_t int_of(const char *text)
{
	int64_t value = 0;

	CHECK(text_to_int(text, &value, &err) == 0);
	return value;
}

static const char *int_error(const char *text)
{
	int64_t value;

	return text_to_int(text, &value, &err) < 0 ? err.msg : "(accepted)";
}

static double float_of(const char *text)
{
	double value = 0;

	CHECK(text_to_float(text, &value, &err) == 0);
	return value;
}

static const char *float_error(const char *text)
{
	double value;

	return text_to_float(text, &value, &err) < 0 ? err.msg : "(accepted)";
}

static int64_t duration_of(const char *text)
{
	int64_t ns = 0;

	CHECK(text_to_duration(text, &ns, &err) == 0);
	return ns;
}

static const char *duration_error(const char *text)
{
	int64_t ns;

	return text_to_duration(text, &ns, &err) < 0 ? err.msg : "(accepted)";
}

static void test_ints(void)
{
	static const char *const wrong[] = {"",	    "-",  "0x", "09",  "0b2", "_1", "1_",
					    "1__0", " 1", "1 ", "1.5", "0o8", "--1"};

	TEST("whole numbers of every base");
	CHECK(int_of("16") == 16 && int_of("-5") == -5 && int_of("+5") == 5 && int_of("0") == 0);
	CHECK(int_of("0x10") == 16 && int_of("0X1f") == 31 && int_of("0b101") == 5);
	CHECK(int_of("0o17") == 15 && int_of("017") == 15 && int_of("1_000") == 1000);
	CHECK(int_of("0x_ff") == 255 && int_of("0_7") == 7);
	CHECK(int_of("9223372036854775807") == INT64_MAX);
	CHECK(int_of("-9223372036854775808") == INT64_MIN);

	TEST("what is no whole number is refused in Go's words");
	CHECK_STR(int_error("abc"), "strconv.ParseInt: parsing \"abc\": invalid syntax");
	CHECK_STR(int_error("9223372036854775808"),
		  "strconv.ParseInt: parsing \"9223372036854775808\": value out of range");
	CHECK(strstr(int_error("-9223372036854775809"), "value out of range"));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		CHECK(strstr(int_error(wrong[i]), "invalid syntax"));
}

static void test_floats(void)
{
	static const char *const wrong[] = {"",	    ".",    "e5",   "1e",   "1.2.3", "0x1", "0x1.8",
					    "+nan", "1__0", "_1.5", "1_.5", "5s",    " 1"};

	TEST("numbers with fractions and exponents");
	CHECK(float_of("0.5") == 0.5 && float_of("1e3") == 1000 && float_of(".5") == 0.5);
	CHECK(float_of("1_000.5") == 1000.5 && float_of("0x1p-2") == 0.25 && float_of("5.") == 5);
	CHECK(isnan(float_of("NaN")) && isinf(float_of("Inf")) && float_of("-infinity") < 0);
	CHECK(float_of("1e-999") == 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		CHECK(strstr(float_error(wrong[i]), "invalid syntax"));
	CHECK_STR(float_error("1e999"),
		  "strconv.ParseFloat: parsing \"1e999\": value out of range");
}

static void test_bools(void)
{
	static const char *const words[] = {"1", "t", "T", "true",  "TRUE",  "True",
					    "0", "f", "F", "false", "FALSE", "False"};
	bool value;

	TEST("booleans: twelve words and no other");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		value = i >= 6;
		CHECK(text_to_bool(words[i], &value, &err) == 0 && value == (i < 6));
	}
	CHECK(text_to_bool("yes", &value, &err) < 0);
	CHECK_STR(err.msg, "strconv.ParseBool: parsing \"yes\": invalid syntax");
	CHECK(text_to_bool("", &value, &err) < 0 && text_to_bool("tRUE", &value, &err) < 0);
}

static void test_durations(void)
{
	TEST("durations");
	CHECK(duration_of("300ms") == 300000000 && duration_of("5s") == 5000000000);
	CHECK(duration_of("1m30s") == 90000000000 && duration_of("1h") == 3600000000000);
	CHECK(duration_of("0") == 0 && duration_of("-1.5s") == -1500000000);
	CHECK(duration_of("1us") == 1000 && duration_of("1\u00b5s") == 1000);
	CHECK(duration_of(".5s") == 500000000 && duration_of("1.s") == 1000000000);
	CHECK_STR(duration_error("5"), "time: missing unit in duration \"5\"");
	CHECK_STR(duration_error("1s5"), "time: missing unit in duration \"1s5\"");
	CHECK_STR(duration_error("5d"), "time: unknown unit \"d\" in duration \"5d\"");
	CHECK_STR(duration_error(""), "time: invalid duration \"\"");
	CHECK_STR(duration_error("-"), "time: invalid duration \"-\"");
	CHECK_STR(duration_error("s"), "time: invalid duration \"s\"");
	CHECK_STR(duration_error(".s"), "time: invalid duration \".s\"");
	CHECK(strstr(duration_error("9999999h"), "invalid duration"));
	CHECK(strstr(duration_error("99999999999999999999s"), "invalid duration"));
}

static void test_utf8(void)
{
	static const char *const wrong[] = {"\xff",
					    "a\x80",
					    "\xc0\xaf",
					    "\xe0\x80\xaf",
					    "\xed\xa0\x80",
					    "\xf4\x90\x80\x80",
					    "\xf0\x80\x80\x80",
					    "\xc3",
					    "\xe2\x82"};

	TEST("UTF-8: no overlong form, no surrogate, nothing cut");
	CHECK(text_is_utf8("") && text_is_utf8("abc \u00e9 \u20ac \U0001F600"));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		CHECK(!text_is_utf8(wrong[i]));
}

static void test_quoted(void)
{
	char long_text[400];

	TEST("quoted for a message");
	AUTO_FREE char *plain = text_quoted("a b\u00e9");
	CHECK_STR(plain, "\"a b\u00e9\"");
	AUTO_FREE char *odd = text_quoted("\"\\\n\x1b\xff");
	CHECK_STR(odd, "\"\\\"\\\\\\n\\x1b\\xff\"");
	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	AUTO_FREE char *cut = text_quoted(long_text);
	CHECK(strlen(cut) == 125 && strcmp(cut + 121, "...\"") == 0);
}

int main(void)
{
	test_ints();
	test_floats();
	test_bools();
	test_durations();
	test_utf8();
	test_quoted();
	return tap_done();
}
