// SPDX-License-Identifier: MIT
/*
 * Texts to values: see text.h.  Syntax is checked here, the arithmetic of floats is strtod's (the
 * program stays in the C locale).  Every failure is one of two reasons, as Go words them: the
 * syntax is wrong, or the value does not fit.
 */
#include "base/text.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { QUOTED_MAX = 120 };

static int invalid(const char *function, const char *text, const char *reason, struct err *err)
{
	AUTO_FREE char *quoted = text_quoted(text);

	return err_set(err, ERR_INVALID, "strconv.%s: parsing %s: %s", function, quoted, reason);
}

static bool is_sign(char c)
{
	return c == '-' || c == '+';
}

static char lower(char c)
{
	return (char)tolower((unsigned char)c);
}

/* True if every `_` stands between two digits; a base prefix counts as a digit. */
static bool underscores_ok(const char *text)
{
	char seen = '^'; /* the kind of the last character: ^ none, 0 digit, _ itself, ! other */
	bool hex = false;

	if (is_sign(*text))
		text++;
	if (text[0] == '0' && text[1] && strchr("box", lower(text[1]))) {
		hex = lower(text[1]) == 'x';
		seen = '0';
		text += 2;
	}
	for (; *text; text++) {
		if (isdigit((unsigned char)*text) || (hex && isxdigit((unsigned char)*text))) {
			seen = '0';
		} else if (*text == '_') {
			if (seen != '0')
				return false;
			seen = '_';
		} else {
			if (seen == '_')
				return false;
			seen = '!';
		}
	}
	return seen != '_';
}

/* Takes the base prefix of `*text` away. */
static unsigned take_base(const char **text)
{
	const char *at = *text;

	if (at[0] != '0' || !at[1])
		return 10;
	switch (lower(at[1])) {
	case 'x':
		*text = at + 2;
		return 16;
	case 'b':
		*text = at + 2;
		return 2;
	case 'o':
		*text = at + 2;
		return 8;
	default:
		*text = at + 1;
		return 8;
	}
}

static unsigned digit_value(char c)
{
	if (isdigit((unsigned char)c))
		return (unsigned)(c - '0');
	if (isalpha((unsigned char)c))
		return (unsigned)(lower(c) - 'a' + 10);
	return 99;
}

int text_to_int(const char *text, int64_t *ret_value, struct err *err)
{
	const char *at = text + is_sign(*text);
	bool negative = *text == '-', overflow = false;
	unsigned base = take_base(&at);
	int64_t value = 0;

	if (!*at || !underscores_ok(text))
		return invalid("ParseInt", text, "invalid syntax", err);
	for (; *at; at++) {
		unsigned digit = digit_value(*at);

		if (*at == '_')
			continue;
		if (digit >= base)
			return invalid("ParseInt", text, "invalid syntax", err);
		/* Summed with its sign: the lowest value has no positive counterpart. */
		overflow |= __builtin_mul_overflow(value, (int64_t)base, &value);
		overflow |= __builtin_add_overflow(
			value, negative ? -(int64_t)digit : (int64_t)digit, &value);
	}
	if (overflow)
		return invalid("ParseInt", text, "value out of range", err);
	*ret_value = value;
	return 0;
}

static bool float_is_special(const char *text, double *ret_value)
{
	const char *word = text + is_sign(*text);

	if (strcasecmp(word, "inf") == 0 || strcasecmp(word, "infinity") == 0) {
		*ret_value = *text == '-' ? -INFINITY : INFINITY;
		return true;
	}
	if (strcasecmp(text, "nan") == 0) {
		*ret_value = NAN;
		return true;
	}
	return false;
}

/* Skips digits (and underscores); returns how many digits there were. */
static size_t skip_digits(const char **text, bool hex)
{
	size_t count = 0;

	for (; **text; (*text)++) {
		unsigned char c = (unsigned char)**text;

		if (hex ? isxdigit(c) : isdigit(c))
			count++;
		else if (c != '_')
			break;
	}
	return count;
}

/* DIGITS[.DIGITS][exponent]; a hexadecimal one must have its exponent. */
static bool float_syntax_ok(const char *text)
{
	const char *at = text + is_sign(*text);
	bool hex = at[0] == '0' && lower(at[1]) == 'x';
	size_t digits;

	at += hex ? 2 : 0;
	digits = skip_digits(&at, hex);
	if (*at == '.') {
		at++;
		digits += skip_digits(&at, hex);
	}
	if (digits == 0)
		return false;
	if (lower(*at) == (hex ? 'p' : 'e')) {
		at++;
		at += is_sign(*at);
		if (skip_digits(&at, false) == 0)
			return false;
	} else if (hex) {
		return false;
	}
	return *at == '\0';
}

int text_to_float(const char *text, double *ret_value, struct err *err)
{
	AUTO_FREE char *plain = xstrdup(text);
	char *to = plain;
	double value;

	if (float_is_special(text, ret_value))
		return 0;
	if (!float_syntax_ok(text) || (strchr(text, '_') && !underscores_ok(text)))
		return invalid("ParseFloat", text, "invalid syntax", err);
	for (const char *from = text; *from; from++) {
		if (*from != '_')
			*to++ = *from;
	}
	*to = '\0';
	errno = 0;
	value = strtod(plain, NULL);
	if (errno == ERANGE && isinf(value))
		return invalid("ParseFloat", text, "value out of range", err);
	*ret_value = value;
	return 0;
}

int text_to_bool(const char *text, bool *ret_value, struct err *err)
{
	static const char *const words[2][6] = {{"0", "f", "F", "false", "FALSE", "False"},
						{"1", "t", "T", "true", "TRUE", "True"}};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(words[0]); i++) {
		if (strcmp(text, words[i % 2][i / 2]) == 0) {
			*ret_value = i % 2 != 0;
			return 0;
		}
	}
	return invalid("ParseBool", text, "invalid syntax", err);
}

static const struct duration_unit {
	const char *name;
	int64_t ns;
} duration_units[] = {
	{"ns", 1},
	{"us", 1000},
	{"\u00b5s", 1000}, /* micro sign */
	{"\u03bcs", 1000}, /* Greek mu */
	{"ms", 1000000},
	{"s", 1000000000},
	{"m", 60 * (int64_t)1000000000},
	{"h", 3600 * (int64_t)1000000000},
};

static const struct duration_unit *find_unit(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(duration_units); i++) {
		const char *unit = duration_units[i].name;

		if (strlen(unit) == len && memcmp(unit, name, len) == 0)
			return &duration_units[i];
	}
	return NULL;
}

/* One number of a duration: WHOLE[.FRACTION].  False if there is no digit or it does not fit. */
static bool take_number(const char **text, int64_t *ret_whole, double *ret_fraction)
{
	const char *at = *text;
	double scale = 1;
	bool any = false;

	*ret_whole = 0;
	*ret_fraction = 0;
	for (; isdigit((unsigned char)*at); at++, any = true) {
		if (__builtin_mul_overflow(*ret_whole, 10, ret_whole) ||
		    __builtin_add_overflow(*ret_whole, *at - '0', ret_whole))
			return false;
	}
	if (*at == '.') {
		for (at++; isdigit((unsigned char)*at); at++, any = true) {
			scale /= 10;
			*ret_fraction += scale * (*at - '0');
		}
	}
	*text = at;
	return any;
}

static int invalid_duration(const char *text, struct err *err)
{
	AUTO_FREE char *quoted = text_quoted(text);

	return err_set(err, ERR_INVALID, "time: invalid duration %s", quoted);
}

/* Adds the next "NUMBER UNIT" of `*at` to `*total`; `text` is the whole, for messages. */
static int take_duration(const char **at, const char *text, int64_t *total, struct err *err)
{
	const struct duration_unit *unit;
	int64_t whole, ns;
	double fraction;
	size_t len;

	if (!take_number(at, &whole, &fraction))
		return invalid_duration(text, err);
	len = strcspn(*at, ".0123456789");
	if (len == 0) {
		AUTO_FREE char *quoted = text_quoted(text);

		return err_set(err, ERR_INVALID, "time: missing unit in duration %s", quoted);
	}
	unit = find_unit(*at, len);
	if (!unit) {
		AUTO_FREE char *name = xstrndup(*at, len);
		AUTO_FREE char *quoted_name = text_quoted(name);
		AUTO_FREE char *quoted = text_quoted(text);

		return err_set(err, ERR_INVALID, "time: unknown unit %s in duration %s",
			       quoted_name, quoted);
	}
	*at += len;
	if (__builtin_mul_overflow(whole, unit->ns, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)(fraction * (double)unit->ns + 0.5), &ns) ||
	    __builtin_add_overflow(*total, ns, total))
		return invalid_duration(text, err);
	return 0;
}

int text_to_duration(const char *text, int64_t *ret_ns, struct err *err)
{
	const char *at = text + is_sign(*text);
	int64_t total = 0;

	if (strcmp(at, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	if (!*at)
		return invalid_duration(text, err);
	while (*at) {
		if (take_duration(&at, text, &total, err) < 0)
			return -1;
	}
	*ret_ns = *text == '-' ? -total : total;
	return 0;
}

/* The length of the well-formed UTF-8 sequence at `text`, 0 if there is none. */
static size_t utf8_len(const unsigned char *text)
{
	/* First byte, and the range of the second one, which rules out overlong forms, surrogates
	 * and what is above U+10FFFF (RFC 3629, section 4). */
	static const struct {
		unsigned char first, last, low, high;
		size_t len;
	} forms[] = {
		{0x01, 0x7f, 0, 0, 1},	     {0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (text[0] < forms[i].first || text[0] > forms[i].last)
			continue;
		if (forms[i].len > 1 && (text[1] < forms[i].low || text[1] > forms[i].high))
			return 0;
		for (size_t n = 2; n < forms[i].len; n++) {
			if ((text[n] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].len;
	}
	return 0;
}

bool text_is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t len;

	for (; *at; at += len) {
		len = utf8_len(at);
		if (len == 0)
			return false;
	}
	return true;
}

static void put_escaped(struct buf *buf, unsigned char c)
{
	static const char names[] = "\aa\bb\ff\nn\rr\tt\vv\"\"\\\\";

	for (size_t i = 0; i + 1 < sizeof(names); i += 2) {
		if ((unsigned char)names[i] == c) {
			buf_putc(buf, '\\');
			buf_putc(buf, names[i + 1]);
			return;
		}
	}
	buf_printf(buf, "\\x%02x", c);
}

char *text_quoted(const char *text)
{
	struct buf buf = BUF_INIT(4 * QUOTED_MAX + 16);
	const unsigned char *at = (const unsigned char *)text;
	size_t len;

	buf_putc(&buf, '"');
	for (; *at; at += len) {
		len = utf8_len(at);
		if ((size_t)(at - (const unsigned char *)text) + MAX(len, (size_t)1) > QUOTED_MAX) {
			buf_puts(&buf, "...");
			break;
		}
		if (len == 0 || *at < 0x20 || *at == 0x7f || *at == '"' || *at == '\\') {
			put_escaped(&buf, *at);
			len = 1;
		} else {
			buf_put(&buf, at, len);
		}
	}
	buf_putc(&buf, '"');
	return buf_steal(&buf, NULL);
}
