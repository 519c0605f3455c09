// SPDX-License-Identifier: MIT
/*
 * Targets: see http1_target.h.  The form follows from the method and the first bytes; there is no
 * text that two forms would take.
 */
#include "gateway/http1_target.h"

#include "base/ip.h"

#include <string.h>
#include <strings.h>

enum { PORT_DIGITS = 5 };

/* ":80", or nothing. */
static bool read_port(struct view text, uint16_t *ret_port)
{
	uint32_t port = 0;

	*ret_port = 0;
	if (text.len == 0)
		return true;
	if (text.ptr[0] != ':' || text.len < 2 || text.len > 1 + PORT_DIGITS || text.ptr[1] == '0')
		return false;
	for (size_t i = 1; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		port = port * 10 + (uint32_t)(text.ptr[i] - '0');
	}
	*ret_port = (uint16_t)port;
	return port <= UINT16_MAX;
}

/* A name or an IPv4 address, or (`bracketed`) an IPv6 address. */
static bool read_host(struct view text, bool bracketed, char ret_host[HOST_NAME_SIZE])
{
	char host[HOST_NAME_SIZE + 1]; /* a dot at the end does not count */
	struct ip ip;

	if (text.len >= sizeof(host) || memchr(text.ptr, '\0', text.len))
		return false;
	memcpy(host, text.ptr, text.len);
	host[text.len] = '\0';
	if (bracketed != (strchr(host, ':') != NULL))
		return false;
	if (!ip_parse(host, &ip))
		return host_name_read(host, ret_host);
	ip_format(&ip, ret_host);
	return true;
}

bool http1_authority_read(struct view text, struct http1_authority *ret_authority)
{
	bool bracketed = text.len > 0 && text.ptr[0] == '[';
	const char *end = memchr(text.ptr, bracketed ? ']' : ':', text.len);
	size_t size = end ? (size_t)(end - text.ptr) : text.len;
	struct view host = {text.ptr + bracketed, size - bracketed};

	if (bracketed && !end)
		return false;
	size += bracketed;
	return read_host(host, bracketed, ret_authority->host) &&
	       read_port((struct view){text.ptr + size, text.len - size}, &ret_authority->port);
}

static bool take_prefix(struct view *text, const char *prefix)
{
	size_t len = strlen(prefix);

	if (text->len < len || strncasecmp(text->ptr, prefix, len) != 0)
		return false;
	text->ptr += len;
	text->len -= len;
	return true;
}

static bool read_absolute(struct view text, struct http1_target *target)
{
	struct view authority;

	target->form = HTTP1_ABSOLUTE;
	target->https = take_prefix(&text, "https://");
	if (!target->https && !take_prefix(&text, "http://"))
		return false;
	authority = (struct view){text.ptr, 0};
	while (authority.len < text.len && !strchr("/?", text.ptr[authority.len]))
		authority.len++;
	target->path = (struct view){text.ptr + authority.len, text.len - authority.len};
	return http1_authority_read(authority, &target->authority);
}

static bool read_target(struct view method, struct view text, struct http1_target *target)
{
	if (view_equals(method, "CONNECT")) {
		target->form = HTTP1_AUTHORITY;
		return http1_authority_read(text, &target->authority) && target->authority.port;
	}
	if (view_equals(text, "*")) {
		target->form = HTTP1_ASTERISK;
		return view_equals(method, "OPTIONS");
	}
	if (text.ptr[0] != '/')
		return read_absolute(text, target);
	target->form = HTTP1_ORIGIN;
	target->path = text;
	return true;
}

int http1_target_read(struct view method, struct view text, struct http1_target *ret_target,
		      struct err *err)
{
	struct http1_target target = {.path = VIEW_LIT("")};

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == '#')
			return err_set(err, ERR_PROTOCOL,
				       "HTTP: a target with a character that no target has");
	}
	if (text.len == 0 || !read_target(method, text, &target))
		return err_set(err, ERR_PROTOCOL, "HTTP: a target that its method does not have");
	*ret_target = target;
	return 0;
}
