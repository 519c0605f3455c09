// SPDX-License-Identifier: MIT
/* Lines and fields of HTTP/1: see http1_fields.h. */
#include "gateway/http1_fields.h"

#include <string.h>
#include <strings.h>

static bool is_control(char c)
{
	return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool http1_is_token(struct view text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c && strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return text.len > 0;
}

bool http1_is_word(struct view text, const char *word)
{
	return strlen(word) == text.len && strncasecmp(text.ptr, word, text.len) == 0;
}

/* One byte of a line: CR must be followed by LF, LF follow CR. */
static int check_byte(const char *line, size_t at, struct err *err)
{
	bool after_cr = at > 0 && line[at - 1] == '\r';

	if ((line[at] == '\n') != after_cr)
		return err_set(err, ERR_PROTOCOL, "HTTP: a line that does not end in CR and LF");
	if (is_control(line[at]) && line[at] != '\r' && line[at] != '\n')
		return err_set(err, ERR_PROTOCOL, "HTTP: a control character");
	return 0;
}

ssize_t http1_scan(struct http1_scan *scan, struct view bytes, size_t max, struct err *err)
{
	for (; scan->at < bytes.len; scan->at++) {
		const char *line = bytes.ptr + scan->line;
		size_t at = scan->at - scan->line;

		if (scan->at >= max)
			return err_set(err, ERR_LIMIT, "HTTP: a head larger than %zu bytes", max);
		if (at >= LIMIT_HTTP_LINE)
			return err_set(err, ERR_LIMIT, "HTTP: a line longer than %d bytes",
				       LIMIT_HTTP_LINE);
		if (check_byte(line, at, err) < 0)
			return -1;
		if (line[at] != '\n')
			continue;
		scan->line = scan->at + 1;
		if (at == 1)
			return (ssize_t)++scan->at;
	}
	return 0;
}

static struct view trim(struct view text)
{
	while (text.len > 0 && is_blank(text.ptr[0])) {
		text.ptr++;
		text.len--;
	}
	while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
		text.len--;
	return text;
}

/* `line` is without its CR and LF. */
static int read_field(struct view line, struct http1_field *ret_field, struct err *err)
{
	const char *colon = memchr(line.ptr, ':', line.len);
	struct view name = {line.ptr, colon ? (size_t)(colon - line.ptr) : line.len};

	if (is_blank(line.ptr[0]))
		return err_set(err, ERR_PROTOCOL, "HTTP: a line that goes on in the next one");
	if (!colon || !http1_is_token(name))
		return err_set(err, ERR_PROTOCOL, "HTTP: a line that is no field");
	ret_field->name = name;
	ret_field->value = trim((struct view){colon + 1, line.len - name.len - 1});
	return 0;
}

int http1_fields_read(struct view lines, struct http1_fields *ret_fields, struct err *err)
{
	ret_fields->count = 0;
	while (lines.len > 0) {
		const char *end = memchr(lines.ptr, '\n', lines.len);
		struct view line = {lines.ptr, end ? (size_t)(end - lines.ptr) : 0};

		if (line.len < 1 || line.ptr[line.len - 1] != '\r')
			return err_set(err, ERR_PROTOCOL, "HTTP: a line without its end");
		line.len--;
		lines.len -= line.len + 2;
		lines.ptr += line.len + 2;
		if (line.len == 0)
			break;
		if (ret_fields->count == LIMIT_HTTP_FIELDS)
			return err_set(err, ERR_LIMIT, "HTTP: more than %d fields",
				       LIMIT_HTTP_FIELDS);
		if (read_field(line, &ret_fields->list[ret_fields->count], err) < 0)
			return -1;
		ret_fields->count++;
	}
	return 0;
}

const struct http1_field *http1_find(const struct http1_fields *fields, const char *name,
				     const struct http1_field *after)
{
	const struct http1_field *field = after ? after + 1 : fields->list;

	for (; field < fields->list + fields->count; field++) {
		if (http1_is_word(field->name, name))
			return field;
	}
	return NULL;
}

bool http1_next_item(struct view *rest, struct view *ret_item)
{
	const char *comma;

	if (!rest->ptr)
		return false;
	comma = memchr(rest->ptr, ',', rest->len);
	*ret_item = trim((struct view){rest->ptr, comma ? (size_t)(comma - rest->ptr) : rest->len});
	if (comma)
		*rest = (struct view){comma + 1, rest->len - (size_t)(comma + 1 - rest->ptr)};
	else
		*rest = (struct view){NULL, 0};
	return true;
}
