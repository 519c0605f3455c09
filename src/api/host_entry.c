// SPDX-License-Identifier: MIT
/* Entries of an allow-list: see host_entry.h.  Pure; every failure is of the text. */
#include "api/host_entry.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

bool host_port_parse(const char *text, uint16_t *ret_port)
{
	size_t len = strspn(text, "0123456789");
	unsigned value = 0;

	if (len == 0 || len > 5 || text[len] || text[0] == '0')
		return false;
	for (size_t i = 0; i < len; i++)
		value = 10 * value + (unsigned)(text[i] - '0');
	if (value > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)value;
	return true;
}

/* The host's end in `text`, and where its port starts (NULL = none). */
static int find_port(const char *text, size_t *ret_len, const char **ret_port, struct err *err)
{
	const char *first = strchr(text, ':'), *close = strchr(text, ']');

	*ret_port = NULL;
	if (text[0] == '[') {
		if (!close || (close[1] && close[1] != ':'))
			return err_set(err, ERR_INVALID, "expected [IPv6 address]:port");
		*ret_len = (size_t)(close - text) - 1;
		*ret_port = close[1] ? close + 2 : NULL;
	} else if (first && !strchr(first + 1, ':')) {
		*ret_len = (size_t)(first - text);
		*ret_port = first + 1;
	} else {
		*ret_len = strlen(text);
	}
	return 0;
}

int host_port_split(const char *text, char **ret_host, uint16_t *ret_port, struct err *err)
{
	const char *port = NULL;
	uint16_t number = 0;
	size_t len = 0;

	if (strstr(text, "://"))
		return err_set(err, ERR_INVALID,
			       "this is a URL: write its host, and a port as host:port");
	if (find_port(text, &len, &port, err) < 0)
		return -1;
	if (port && !host_port_parse(port, &number))
		return err_set(err, ERR_INVALID, "expected a port of 1 to 65535 behind the ':'");
	*ret_host = xstrndup(text + (text[0] == '['), len);
	*ret_port = number;
	return 0;
}

static int parse_target(const char *host, bool bracketed, struct host_entry *ret_entry,
			struct err *err)
{
	struct ip ip;

	if (strchr(host, '/') || ip_parse(host, &ip)) {
		if (ip_net_parse(host, &ret_entry->net, err) < 0)
			return -1;
		if (bracketed && !strchr(host, ':'))
			return err_set(err, ERR_INVALID, "only IPv6 stands in brackets");
		return 0;
	}
	if (bracketed || strchr(host, ':'))
		return err_set(err, ERR_INVALID, "expected an IPv6 address");
	if (strcmp(host, "*") != 0)
		return host_name_typed(host, true, ret_entry->name, err);
	strcpy(ret_entry->name, "*");
	return 0;
}

int host_entry_parse(const char *text, struct host_entry *ret_entry, struct err *err)
{
	AUTO_FREE char *shown = text_quoted(text), *host = NULL;
	struct host_entry entry = {0};

	if (host_port_split(text, &host, &entry.port, err) < 0 ||
	    parse_target(host, text[0] == '[', &entry, err) < 0)
		return err_wrap(err, "invalid allow-list host %s", shown);
	*ret_entry = entry;
	return 0;
}

void host_entry_format(const struct host_entry *entry, char ret_text[HOST_ENTRY_TEXT])
{
	char net[IP_NET_TEXT], port[8] = "";
	const char *host = entry->name;
	bool brackets;

	if (!entry->name[0]) {
		ip_net_format(&entry->net, net);
		host = net;
	}
	brackets = entry->port && strchr(host, ':');
	if (entry->port)
		snprintf(port, sizeof(port), ":%u", entry->port);
	snprintf(ret_text, HOST_ENTRY_TEXT, "%s%s%s%s", brackets ? "[" : "", host,
		 brackets ? "]" : "", port);
}
