// SPDX-License-Identifier: MIT
/*
 * The proxy: see proxy.h.  Its texts are the user's, who may have put a password into them: no
 * error shows more than the host and the port.
 */
#include "gateway/proxy.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/ip.h"
#include "base/limits.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

DEFINE_AUTO(proxy)

/* --- the URL --- */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Appends `text` percent-decoded; false if it is malformed. */
static bool put_decoded(struct view text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		int high, low;

		if (text.ptr[i] != '%') {
			buf_putc(out, text.ptr[i]);
			continue;
		}
		if (text.len - i < 3)
			return false;
		high = hex_digit(text.ptr[i + 1]);
		low = hex_digit(text.ptr[i + 2]);
		if (high < 0 || low < 0)
			return false;
		buf_putc(out, (char)(high << 4 | low));
		i += 2;
	}
	return true;
}

static void put_base64(struct view bytes, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";

	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t len = MIN(bytes.len - i, 3);
		unsigned bits = 0;

		for (size_t j = 0; j < 3; j++)
			bits = bits << 8 | (j < len ? (unsigned char)bytes.ptr[i + j] : 0);
		for (size_t j = 0; j < 4; j++)
			buf_putc(out, j > len ? '=' : digits[bits >> (18 - 6 * j) & 63]);
	}
}

/* "USER:PASSWORD" or "USER". */
static int read_user(struct view user, struct proxy *proxy, struct err *err)
{
	AUTO_BUF struct buf plain = BUF_INIT(LIMIT_PROXY_TEXT);
	AUTO_BUF struct buf encoded = BUF_INIT(2 * LIMIT_PROXY_TEXT);

	if (!put_decoded(user, &plain))
		return err_set(err, ERR_INVALID,
			       "proxy: its user or password has a %% that no two digits follow");
	if (!memchr(user.ptr, ':', user.len))
		buf_putc(&plain, ':');
	buf_puts(&encoded, "Basic ");
	put_base64((struct view){plain.ptr, plain.len}, &encoded);
	proxy->credentials = xstrndup(encoded.ptr, encoded.len);
	return 0;
}

static int read_url(const char *url, struct proxy *proxy, struct err *err)
{
	const char *scheme_end = strstr(url, "://");
	const char *text = scheme_end ? scheme_end + 3 : url;
	struct view rest = {text, strcspn(text, "/?#")};
	const char *at = memrchr(rest.ptr, '@', rest.len);

	if (scheme_end && strncasecmp(url, "http://", 7) != 0)
		return err_set(err, ERR_INVALID,
			       "proxy: only a proxy of http:// can be used, not https:// or socks");
	if (strlen(text) > rest.len + (text[rest.len] == '/'))
		return err_set(err, ERR_INVALID, "proxy: something follows its HOST:PORT");
	if (at) {
		if (read_user((struct view){rest.ptr, (size_t)(at - rest.ptr)}, proxy, err) < 0)
			return -1;
		rest.len -= (size_t)(at + 1 - rest.ptr);
		rest.ptr = at + 1;
	}
	if (!http1_authority_read(rest, &proxy->address))
		return err_set(err, ERR_INVALID, "proxy: not http://[USER:PASSWORD@]HOST:PORT");
	if (proxy->address.port == 0)
		return err_set(err, ERR_INVALID, "proxy: no port; write http://%s:PORT",
			       proxy->address.host);
	return 0;
}

int proxy_new(const char *url, const char *exceptions, struct proxy **ret_proxy, struct err *err)
{
	AUTO(auto_proxy) struct proxy *proxy = xcalloc(1, sizeof(*proxy));

	if (strlen(url) > LIMIT_PROXY_TEXT || (exceptions && strlen(exceptions) > LIMIT_PROXY_TEXT))
		return err_set(err, ERR_LIMIT, "proxy: its URL or NO_PROXY has over %d bytes",
			       LIMIT_PROXY_TEXT);
	if (read_url(url, proxy, err) < 0)
		return -1;
	proxy->exceptions = xstrdup(exceptions ? exceptions : "");
	*ret_proxy = STEAL(proxy);
	return 0;
}

void proxy_free(struct proxy *proxy)
{
	if (!proxy)
		return;
	free(proxy->credentials);
	free(proxy->exceptions);
	free(proxy);
}

/* --- NO_PROXY --- */

/* Cuts ":PORT" off an entry that is no IPv6 address without brackets; 0: it has none. */
static unsigned cut_port(char *entry)
{
	char *colon = strrchr(entry, ':'), *end;
	unsigned long port;

	if (!colon || (strchr(entry, ':') != colon && colon[-1] != ']'))
		return 0;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port == 0 || port > UINT16_MAX)
		return 0;
	*colon = '\0';
	return (unsigned)port;
}

static bool is_below(const char *host, const char *domain)
{
	size_t host_len = strlen(host), len = strlen(domain);

	return len > 0 && host_len >= len && strcasecmp(host + host_len - len, domain) == 0 &&
	       (host_len == len || host[host_len - len - 1] == '.');
}

/* `entry` is changed. */
static bool entry_covers(char *entry, const char *host, uint16_t port)
{
	unsigned entry_port = cut_port(entry);
	size_t len = strlen(entry);
	struct ip_net net;
	struct err unused;
	struct ip ip;

	if (entry_port != 0 && entry_port != port)
		return false;
	if (strcmp(entry, "*") == 0)
		return true;
	if (entry[0] == '[' && entry[len - 1] == ']') {
		entry[len - 1] = '\0';
		entry++;
	}
	if (ip_parse(host, &ip))
		return ip_net_parse(entry, &net, &unused) == 0 && ip_net_contains(&net, &ip);
	if (len > 1 && entry[len - 1] == '.')
		entry[len - 1] = '\0';
	return is_below(host, entry + strspn(entry, "."));
}

bool proxy_gets(const struct proxy *proxy, const char *host, uint16_t port)
{
	AUTO_FREE char *list = xstrdup(proxy->exceptions);
	char *rest = list, *entry;

	while ((entry = strsep(&rest, ", \t"))) {
		if (*entry && entry_covers(entry, host, port))
			return false;
	}
	return true;
}

/* --- what is said --- */

void proxy_ask(const struct proxy *proxy, const char *host, uint16_t port, struct buf *out)
{
	const char *open = strchr(host, ':') ? "[" : "", *close = *open ? "]" : "";

	buf_printf(out, "CONNECT %s%s%s:%u HTTP/1.1\r\nHost: %s%s%s:%u\r\n", open, host, close,
		   port, open, host, close, port);
	if (proxy->credentials)
		buf_printf(out, "Proxy-Authorization: %s\r\n", proxy->credentials);
	buf_puts(out, "\r\n");
}

void proxy_refusal(const struct proxy *proxy, unsigned status, struct err *ret_why)
{
	bool unknown = status == 407 || status == 401; /* the latter is tinyproxy's */

	if (unknown && proxy->credentials)
		err_set_(ret_why, ERR_DENIED, "does not accept its user and password (%u)", status);
	else if (unknown)
		err_set_(ret_why, ERR_DENIED,
			 "wants a user and a password (%u): http://USER:PASSWORD@%s:%u", status,
			 proxy->address.host, proxy->address.port);
	else if (status == 403)
		err_set_(ret_why, ERR_DENIED, "does not allow it (403)");
	else if (status >= 500)
		err_set_(ret_why, ERR_IO, "cannot reach it (%u)", status);
	else
		err_set_(ret_why, ERR_PROTOCOL, "answers a CONNECT with status %u", status);
}
