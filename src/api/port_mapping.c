// SPDX-License-Identifier: MIT
/*
 * Port mappings as users write them: see port_mapping.h.
 *
 * Failure modes: what is no port, no address, not of this form, or too many, by the reference's
 * texts.  All specifications are read before the first address is.
 */
#include "api/port_mapping.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One specification. */
struct spec {
	bool has_address;
	struct port_mapping mapping;
};

static int bad_format(const char *text, const char *remedy, struct err *err)
{
	AUTO_FREE char *shown = text_quoted(text);

	return err_set(err, ERR_INVALID, "invalid port-forward spec format: %s (%s)", shown,
		       remedy);
}

static int parse_port(const char *text, uint16_t *ret_port, struct err *err)
{
	const size_t digits = strspn(text, "0123456789");
	AUTO_FREE char *shown = text[digits] ? text_quoted(text) : xasprintf("%.20s", text);
	const unsigned long port = strtoul(text, NULL, 10);

	if (digits == 0 || text[digits] || port < 1 || port > UINT16_MAX)
		return err_set(err, ERR_INVALID, "invalid port %s: must be in range 1-65535",
			       shown);
	*ret_port = (uint16_t)port;
	return 0;
}

static int parse_address(const char *text, struct ip *ret_ip, struct err *err)
{
	AUTO_FREE char *shown = text_quoted(text);

	if (!ip_parse(strcmp(text, "localhost") == 0 ? "127.0.0.1" : text, ret_ip))
		return err_set(err, ERR_INVALID,
			       "invalid bind address %s (use an IP literal or localhost)", shown);
	return 0;
}

/* Cuts `*text` at its last `:` and returns what follows, or all of it when there is none. */
static char *cut_last(char **text)
{
	char *colon = strrchr(*text, ':'), *last = *text;

	*text = NULL;
	if (!colon)
		return last;
	*colon = '\0';
	*text = last;
	return colon + 1;
}

/* What stands before the ports; IPv6 in brackets. */
static int parse_spec_address(const char *whole, char *text, struct ip *ret_ip, struct err *err)
{
	const size_t len = strlen(text);

	if (text[0] == '[' && text[len - 1] == ']') {
		text[len - 1] = '\0';
		text++;
	} else if (strchr(text, ':') || !*text) {
		return bad_format(whole, "use [ADDRESS:][LOCAL:]REMOTE, IPv6 in brackets", err);
	}
	return parse_address(text, ret_ip, err);
}

static int parse_spec(const char *text, struct spec *ret_spec, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(text);
	char *rest = copy, *protocol = strchr(copy, '/'), *remote, *local;
	struct spec spec = {0};

	if (protocol && strcmp(protocol, "/tcp") != 0)
		return bad_format(text, "only TCP is forwarded", err);
	if (protocol)
		*protocol = '\0';
	remote = cut_last(&rest);
	local = rest ? cut_last(&rest) : remote;
	spec.has_address = rest;
	if (!*remote || (!*local && !rest))
		return bad_format(text, "use [ADDRESS:][LOCAL:]REMOTE, such as 8080:80", err);
	if (rest && parse_spec_address(text, rest, &spec.mapping.address, err) < 0)
		return -1;
	if (parse_port(remote, &spec.mapping.guest_port, err) < 0)
		return -1;
	if (local == remote)
		spec.mapping.host_port = spec.mapping.guest_port;
	else if (*local && strcmp(local, "0") != 0 &&
		 parse_port(local, &spec.mapping.host_port, err) < 0)
		return -1;
	*ret_spec = spec;
	return 0;
}

static int parse_specs(char *const *texts, struct spec *ret_specs, struct err *err)
{
	for (size_t i = 0; texts && texts[i]; i++) {
		if (parse_spec(texts[i], &ret_specs[i], err) < 0)
			return err_wrap(err, "invalid port-forward specification");
	}
	return 0;
}

/* Each address once. */
static int parse_addresses(char *const *texts, struct ip *ret_ips, size_t *ret_count,
			   struct err *err)
{
	size_t count = 0;

	for (size_t i = 0; texts && texts[i]; i++) {
		bool known = false;

		if (parse_address(texts[i], &ret_ips[count], err) < 0)
			return err_wrap(err, "invalid port-forward bind address");
		for (size_t k = 0; k < count; k++)
			known = known || ip_equals(&ret_ips[k], &ret_ips[count]);
		count += !known;
	}
	*ret_count = count;
	return 0;
}

int port_mappings_parse(char *const *specs, char *const *addresses,
			struct port_mapping **ret_mappings, size_t *ret_count, struct err *err)
{
	static char *const local_only[] = {(char *)"localhost", NULL};
	char *const *const at = strv_count(addresses) > 0 ? addresses : local_only;
	const size_t spec_count = strv_count(specs);
	AUTO_FREE struct spec *parsed = xcalloc(spec_count, sizeof(*parsed));
	AUTO_FREE struct ip *ips = xcalloc(strv_count(at), sizeof(*ips));
	AUTO_FREE struct port_mapping *mappings = xcalloc(LIMIT_LISTENERS, sizeof(*mappings));
	size_t count = 0, ip_count = 0;

	if (parse_specs(specs, parsed, err) < 0)
		return -1;
	if (spec_count > 0 && parse_addresses(at, ips, &ip_count, err) < 0)
		return -1;
	for (size_t i = 0; i < spec_count; i++) {
		for (size_t k = 0; k < (parsed[i].has_address ? 1 : ip_count); k++) {
			if (count == LIMIT_LISTENERS)
				return err_set(err, ERR_LIMIT,
					       "more than %d ports and addresses to listen at",
					       LIMIT_LISTENERS);
			mappings[count] = parsed[i].mapping;
			if (!parsed[i].has_address)
				mappings[count].address = ips[k];
			count++;
		}
	}
	*ret_mappings = STEAL(mappings);
	*ret_count = count;
	return 0;
}

void port_mapping_format_local(const struct port_mapping *mapping, char ret_text[PORT_MAPPING_TEXT])
{
	char address[IP_TEXT];

	ip_format(&mapping->address, address);
	snprintf(ret_text, PORT_MAPPING_TEXT, ip_is_v4(&mapping->address) ? "%s:%u" : "[%s]:%u",
		 address, mapping->host_port);
}
