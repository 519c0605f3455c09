// SPDX-License-Identifier: MIT
/*
 * Host names: see host_name.h.  Whatever the source, a name passes the same strict check in the
 * end: what libidn2 makes of a label is judged as if it had been typed.
 */
#include "api/host_name.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/text.h"

#include <ctype.h>
#include <idn2.h>
#include <string.h>

#define DIGITS "0123456789"
#define HEX    DIGITS "abcdef"
#define LETTER "abcdefghijklmnopqrstuvwxyz"

enum { LABEL_MAX = 63 };

static bool label_ok(const char *label, size_t len, bool stars)
{
	return len > 0 && len <= LABEL_MAX && label[0] != '-' && label[len - 1] != '-' &&
	       strspn(label, stars ? LETTER DIGITS "-_*" : LETTER DIGITS "-_") >= len;
}

/* The last label is digits, or hexadecimal, or all that is not a star is digits: an address in one
 * of its old spellings, or a range of them. */
static bool is_like_address(const char *name)
{
	const char *dot = strrchr(name, '.');
	const char *last = dot ? dot + 1 : name;

	if (last[strspn(last, DIGITS)] == '\0')
		return true;
	if (last[0] == '0' && last[1] == 'x' && last[2 + strspn(last + 2, HEX)] == '\0')
		return true;
	return name[strspn(name, DIGITS ".*")] == '\0' && strpbrk(name, DIGITS);
}

static int check_name(const char *name, bool stars, struct err *err)
{
	const char *label = name;

	for (;;) {
		size_t len = strcspn(label, ".");

		if (!label_ok(label, len, stars))
			return err_set(err, ERR_INVALID,
				       "each part of a host name is 1 to %d letters, digits, '-' "
				       "or '_', with no '-' at its ends",
				       LABEL_MAX);
		if (!label[len])
			break;
		label += len + 1;
	}
	if (is_like_address(name))
		return err_set(err, ERR_INVALID,
			       "a name does not end in a number; addresses are written like "
			       "192.0.2.1, ranges of them like 192.0.2.0/24");
	return 0;
}

bool host_name_read(const char *text, char ret_name[HOST_NAME_SIZE])
{
	size_t len = strlen(text);
	char name[HOST_NAME_SIZE];
	struct err err;

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len >= HOST_NAME_SIZE)
		return false;
	for (size_t i = 0; i < len; i++)
		name[i] =
			(char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i]);
	name[len] = '\0';
	if (check_name(name, false, &err) < 0)
		return false;
	memcpy(ret_name, name, len + 1);
	return true;
}

static bool is_ascii(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text >= 0x80)
			return false;
	}
	return true;
}

/* Appends one label as it is looked up. */
static int put_label(struct buf *name, const char *label, struct err *err)
{
	uint8_t *ascii = NULL;
	int rc;

	if (is_ascii(label)) {
		for (; *label; label++)
			buf_putc(name, (char)tolower((unsigned char)*label));
		return 0;
	}
	rc = idn2_lookup_u8((const uint8_t *)label, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc != IDN2_OK)
		return err_set(err, ERR_INVALID, "%s", idn2_strerror(rc));
	if (strpbrk((char *)ascii, ".*"))
		rc = err_set(err, ERR_INVALID, "'.' and '*' are written in ASCII");
	else
		buf_puts(name, (char *)ascii);
	idn2_free(ascii);
	return rc;
}

int host_name_typed(const char *text, bool stars, char ret_name[HOST_NAME_SIZE], struct err *err)
{
	struct buf name AUTO_BUF = BUF_INIT(HOST_NAME_SIZE - 1);
	const char *label = text;

	if (!*text)
		return err_set(err, ERR_INVALID, "expected a host name or an IP address");
	if (!text_is_utf8(text))
		return err_set(err, ERR_INVALID, "not valid UTF-8");
	do {
		size_t len = strcspn(label, ".");
		AUTO_FREE char *copy = xstrndup(label, len);

		if (label > text)
			buf_putc(&name, '.');
		if (put_label(&name, copy, err) < 0)
			return -1;
		label += len + (label[len] == '.');
	} while (*label); /* not after the dot at the end */
	if (name.failed)
		return err_set(err, ERR_INVALID, "a host name has at most %d bytes",
			       HOST_NAME_SIZE - 1);
	if (check_name(name.ptr, stars, err) < 0)
		return -1;
	memcpy(ret_name, name.ptr, name.len + 1);
	return 0;
}
