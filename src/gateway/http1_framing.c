// SPDX-License-Identifier: MIT
/*
 * Where a message ends (RFC 9112, 6 and 9.3): Content-Length, Transfer-Encoding, Connection.  Most
 * known ways to smuggle a request are a message whose end two readers see in two places; here such
 * a message has no end, it is refused:
 *
 *	both Content-Length and Transfer-Encoding, or one of them twice, even with equal values
 *	a length that is not digits alone
 *	an encoding that is not `chunked` alone; any in HTTP/1.0
 *	a Connection that names a field by which others find the end or the host, and would drop
 */
#include "gateway/http1_internal.h"

#include <string.h>

/* 0, 1 with *ret_field, or -1 if there are several. */
static int find_one(const struct http1_fields *fields, const char *name,
		    const struct http1_field **ret_field, struct err *err)
{
	const struct http1_field *field = http1_find(fields, name, NULL);

	if (!field)
		return 0;
	if (http1_find(fields, name, field))
		return err_set(err, ERR_PROTOCOL, "HTTP: %s twice", name);
	*ret_field = field;
	return 1;
}

static bool read_length(struct view text, uint64_t *ret_length)
{
	uint64_t length = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9' || length > INT64_MAX / 10 - 1)
			return false;
		length = length * 10 + (uint64_t)(text.ptr[i] - '0');
	}
	*ret_length = length;
	return text.len > 0;
}

int http1_framing_read(const struct http1_head *head, struct http1_framing *ret_framing,
		       struct err *err)
{
	const struct http1_field *length = NULL, *encoding = NULL;
	struct http1_framing framing = {0};

	if (find_one(&head->fields, "Content-Length", &length, err) < 0 ||
	    find_one(&head->fields, "Transfer-Encoding", &encoding, err) < 0)
		return -1;
	if (length && encoding)
		return err_set(err, ERR_PROTOCOL,
			       "HTTP: both Content-Length and Transfer-Encoding");
	if (encoding && head->minor == 0)
		return err_set(err, ERR_PROTOCOL, "HTTP: Transfer-Encoding in HTTP/1.0");
	if (encoding && !http1_is_word(encoding->value, "chunked"))
		return err_set(err, ERR_PROTOCOL, "HTTP: a Transfer-Encoding that is not chunked");
	if (length && !read_length(length->value, &framing.length))
		return err_set(err, ERR_PROTOCOL, "HTTP: a Content-Length that is no number");
	framing.chunked = encoding != NULL;
	framing.sized = length != NULL;
	*ret_framing = framing;
	return 0;
}

struct connection {
	bool close, keep_alive, upgrade;
};

static int read_option(struct view option, struct connection *connection, struct err *err)
{
	static const char *const kept[] = {"Host", "Content-Length", "Transfer-Encoding"};

	if (option.len > 0 && !http1_is_token(option))
		return err_set(err, ERR_PROTOCOL, "HTTP: malformed Connection");
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		if (http1_is_word(option, kept[i]))
			return err_set(err, ERR_PROTOCOL, "HTTP: Connection names %s", kept[i]);
	}
	connection->close |= http1_is_word(option, "close");
	connection->keep_alive |= http1_is_word(option, "keep-alive");
	connection->upgrade |= http1_is_word(option, "upgrade");
	return 0;
}

int http1_connection_read(struct http1_head *head, bool *ret_upgrade, struct err *err)
{
	const struct http1_field *field = NULL;
	struct connection connection = {0};

	while ((field = http1_find(&head->fields, "Connection", field))) {
		struct view rest = field->value, option;

		while (http1_next_item(&rest, &option)) {
			if (read_option(option, &connection, err) < 0)
				return -1;
		}
	}
	head->keep_alive = !connection.close && (head->minor > 0 || connection.keep_alive);
	*ret_upgrade = connection.upgrade;
	return 0;
}
