// SPDX-License-Identifier: MIT
/*
 * Heads of requests and responses: see http1.h.  The end of the head is looked for first, as bytes
 * come; then the whole is read once: the first line, the fields, the authority of a request, and
 * what follows.
 */
#include "gateway/http1.h"

#include "gateway/http1_internal.h"

#include <string.h>
#include <strings.h>

/* Cuts off what is before the next `end`; all of it when there is none. */
static struct view cut(struct view *rest, char end)
{
	const char *at = memchr(rest->ptr, end, rest->len);
	struct view part = {rest->ptr, at ? (size_t)(at - rest->ptr) : rest->len};
	size_t used = part.len + (at != NULL);

	rest->ptr += used;
	rest->len -= used;
	return part;
}

/* The first line without its end; `rest` becomes the fields. */
static struct view first_line(struct view *rest)
{
	struct view line = cut(rest, '\n');

	line.len--;
	return line;
}

static int read_version(struct view text, unsigned *ret_minor, struct err *err)
{
	if (!view_equals(text, "HTTP/1.1") && !view_equals(text, "HTTP/1.0"))
		return err_set(err, ERR_PROTOCOL, "HTTP: not HTTP/1.0 or HTTP/1.1");
	*ret_minor = text.ptr[text.len - 1] == '1';
	return 0;
}

/* Lower case is refused: to some servers "head" is HEAD, whose answers have no body. */
static bool is_method(struct view text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] >= 'a' && text.ptr[i] <= 'z')
			return false;
	}
	return http1_is_token(text);
}

static int read_request_line(struct view line, struct http1_request *request, struct err *err)
{
	struct view target;

	request->method = cut(&line, ' ');
	target = cut(&line, ' ');
	if (!is_method(request->method))
		return err_set(err, ERR_PROTOCOL, "HTTP: a request without a method");
	request->is_head = view_equals(request->method, "HEAD");
	request->is_connect = view_equals(request->method, "CONNECT");
	if (read_version(line, &request->head.minor, err) < 0)
		return -1;
	return http1_target_read(request->method, target, &request->target, err);
}

/* RFC 9112, 3.2.2 lets an absolute target win over Host; as not everybody does, both must be the
 * same.  CONNECT's Host may be without the port. */
static bool same_authority(const struct http1_target *target, const struct http1_authority *host)
{
	unsigned fallback = target->https ? 443 : 80;
	unsigned port = target->authority.port ? target->authority.port : fallback;

	if (target->form == HTTP1_AUTHORITY)
		fallback = port;
	return strcmp(target->authority.host, host->host) == 0 &&
	       port == (host->port ? host->port : fallback);
}

static int read_authority(struct http1_request *request, struct err *err)
{
	const struct http1_field *field = http1_find(&request->head.fields, "Host", NULL);
	const struct http1_target *target = &request->target;
	struct http1_authority host = {0};

	if (!field && request->head.minor > 0)
		return err_set(err, ERR_PROTOCOL, "HTTP: no Host");
	if (field && http1_find(&request->head.fields, "Host", field))
		return err_set(err, ERR_PROTOCOL, "HTTP: Host twice");
	if (field && !http1_authority_read(field->value, &host))
		return err_set(err, ERR_PROTOCOL, "HTTP: a Host that is no host");
	if (field && target->authority.host[0] && !same_authority(target, &host))
		return err_set(err, ERR_PROTOCOL, "HTTP: the target's host is not Host");
	request->authority = target->authority.host[0] ? target->authority : host;
	return 0;
}

/* Whether a 101 may follow: not to another HTTP or to TLS, whose requests would be judged by
 * nobody.  Servers are free not to upgrade, so that to have asked is no error. */
static bool may_upgrade(const struct http1_fields *fields)
{
	static const char *const hidden[] = {"h2", "HTTP/", "TLS/"};
	const struct http1_field *field = NULL;
	bool any = false;

	while ((field = http1_find(fields, "Upgrade", field))) {
		struct view rest = field->value, item;

		while (http1_next_item(&rest, &item)) {
			for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
				size_t len = strlen(hidden[i]);

				if (item.len >= len && strncasecmp(item.ptr, hidden[i], len) == 0)
					return false;
			}
			any |= item.len > 0;
		}
	}
	return any;
}

static int read_request(struct view head, struct http1_request *request, struct err *err)
{
	struct http1_framing framing;
	bool upgrade;

	if (read_request_line(first_line(&head), request, err) < 0 ||
	    http1_fields_read(head, &request->head.fields, err) < 0 ||
	    read_authority(request, err) < 0 ||
	    http1_framing_read(&request->head, &framing, err) < 0 ||
	    http1_connection_read(&request->head, &upgrade, err) < 0)
		return -1;
	if (request->is_connect && (framing.chunked || framing.sized))
		return err_set(err, ERR_PROTOCOL, "HTTP: CONNECT with a body");
	request->upgrade = upgrade && request->head.minor > 0 && !request->is_connect &&
			   may_upgrade(&request->head.fields);
	request->head.length = framing.length;
	request->head.content = framing.chunked ? HTTP1_CHUNKED
				: framing.sized ? HTTP1_LENGTH
						: HTTP1_NOTHING;
	return 0;
}

ssize_t http1_request_read(struct http1_scan *scan, struct view bytes,
			   struct http1_request *ret_request, struct err *err)
{
	ssize_t size = http1_scan(scan, bytes, LIMIT_HTTP_HEAD, err);
	struct http1_request request = {0};

	if (size <= 0)
		return size;
	if (read_request((struct view){bytes.ptr, (size_t)size}, &request, err) < 0)
		return -1;
	*ret_request = request;
	return size;
}

/* "HTTP/1.1 200 OK"; the blank before an empty reason is often left out. */
static int read_status_line(struct view line, struct http1_response *response, struct err *err)
{
	struct view version = cut(&line, ' '), status = cut(&line, ' ');

	if (read_version(version, &response->head.minor, err) < 0)
		return -1;
	for (size_t i = 0; i < status.len && status.len == 3; i++) {
		if (status.ptr[i] < '0' || status.ptr[i] > '9')
			break;
		response->status = response->status * 10 + (unsigned)(status.ptr[i] - '0');
	}
	if (response->status < 100)
		return err_set(err, ERR_PROTOCOL, "HTTP: a response without a status");
	response->reason = line;
	return 0;
}

/* RFC 9112, 6.3, in its order. */
static int read_content(const struct http1_request *request, struct http1_response *response,
			const struct http1_framing *framing, struct err *err)
{
	struct http1_head *head = &response->head;
	unsigned status = response->status;
	bool tunnel = status == 101 || (request->is_connect && status / 100 == 2);

	if (status / 100 == 1 && request->head.minor == 0)
		return err_set(err, ERR_PROTOCOL, "HTTP: status %u to HTTP/1.0", status);
	if (status == 101 && (!request->upgrade || head->minor == 0))
		return err_set(err, ERR_PROTOCOL, "HTTP: an upgrade that was not asked for");
	if ((tunnel || status / 100 == 1 || status == 204) &&
	    (framing->chunked || framing->length > 0))
		return err_set(err, ERR_PROTOCOL, "HTTP: status %u with a body", status);
	if (tunnel)
		head->content = HTTP1_TUNNEL;
	else if (request->is_head || status / 100 == 1 || status == 204 || status == 304)
		head->content = HTTP1_NOTHING;
	else if (framing->chunked)
		head->content = HTTP1_CHUNKED;
	else
		head->content = framing->sized ? HTTP1_LENGTH : HTTP1_UNTIL_CLOSE;
	if (tunnel || head->content == HTTP1_UNTIL_CLOSE)
		head->keep_alive = false;
	head->length = head->content == HTTP1_LENGTH ? framing->length : 0;
	return 0;
}

static int read_response(struct view head, const struct http1_request *request,
			 struct http1_response *response, struct err *err)
{
	struct http1_framing framing;
	bool upgrade;

	if (read_status_line(first_line(&head), response, err) < 0 ||
	    http1_fields_read(head, &response->head.fields, err) < 0 ||
	    http1_framing_read(&response->head, &framing, err) < 0 ||
	    http1_connection_read(&response->head, &upgrade, err) < 0)
		return -1;
	return read_content(request, response, &framing, err);
}

ssize_t http1_response_read(struct http1_scan *scan, struct view bytes,
			    const struct http1_request *request,
			    struct http1_response *ret_response, struct err *err)
{
	ssize_t size = http1_scan(scan, bytes, LIMIT_HTTP_HEAD, err);
	struct http1_response response = {0};

	if (size <= 0)
		return size;
	if (read_response((struct view){bytes.ptr, (size_t)size}, request, &response, err) < 0)
		return -1;
	*ret_response = response;
	return size;
}

static bool names_version(struct view line)
{
	static const char version[] = "HTTP/";
	size_t len = sizeof(version) - 1;

	for (size_t at = 0; at + len <= line.len; at++) {
		if (strncasecmp(line.ptr + at, version, len) == 0)
			return true;
	}
	return false;
}

static struct view next_word(struct view *rest)
{
	struct view word;

	while (rest->len > 0 && strchr(" \t\r", rest->ptr[0])) {
		rest->ptr++;
		rest->len--;
	}
	word = (struct view){rest->ptr, 0};
	while (rest->len > 0 && !strchr(" \t\r", rest->ptr[0])) {
		rest->ptr++;
		rest->len--;
		word.len++;
	}
	return word;
}

static bool begins_like_request(struct view line)
{
	return http1_is_token(next_word(&line)) && line.len > 0;
}

/* "GET http://host/" and no more: HTTP/0.9, in which nginx finds a host. */
static bool is_old_request(struct view line)
{
	struct view method = next_word(&line), target = next_word(&line);

	return http1_is_token(method) && memmem(target.ptr, target.len, "://", 3) &&
	       next_word(&line).len == 0;
}

/* Careless servers skip empty lines, take LF for an end and any blank for a separator; all of them
 * look for the version.  What begins like a request and is longer than any that we read is one too,
 * which is then refused: servers that read longer ones would be told a host that nobody judged. */
enum http1_guess http1_guess(struct view bytes)
{
	const char *start = bytes.ptr;
	struct view line;
	size_t size;

	while (bytes.len > 0 && strchr("\r\n \t", bytes.ptr[0]) && bytes.ptr[0]) {
		bytes.ptr++;
		bytes.len--;
	}
	if (bytes.ptr - start > LIMIT_HTTP_LINE) /* as well as a line that is too long */
		return HTTP1_YES;
	size = bytes.len;
	line = cut(&bytes, '\n');
	if (memchr(line.ptr, '\0', line.len))
		return HTTP1_NO;
	if (names_version(line))
		return HTTP1_YES;
	if (line.len > LIMIT_HTTP_LINE)
		return begins_like_request(line) ? HTTP1_YES : HTTP1_NO;
	if (line.len == size)
		return HTTP1_UNSURE;
	return is_old_request(line) ? HTTP1_YES : HTTP1_NO;
}
