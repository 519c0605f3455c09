// SPDX-License-Identifier: MIT
/*
 * The policy as texts: see policy_spec.h.  Entries are read and written again before they are
 * compared, so that one thing has one text; changes are made on a copy, which replaces the list
 * only when all went well.
 */
#include "api/policy_spec.h"

#include "api/host_entry.h"
#include "api/host_service.h"
#include "base/alloc.h"
#include "base/auto.h"
#include "base/ip.h"
#include "base/limits.h"
#include "base/strv.h"
#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void policy_spec_done(struct policy_spec *spec)
{
	strv_free(spec->allow_hosts);
	strv_free(spec->allow_private);
	strv_free(spec->host_services);
	*spec = (struct policy_spec){0};
}

struct policy_spec policy_spec_copy(const struct policy_spec *spec)
{
	struct policy_spec copy = *spec;

	copy.allow_hosts = strv_copy(spec->allow_hosts);
	copy.allow_private = strv_copy(spec->allow_private);
	copy.host_services = strv_copy(spec->host_services);
	return copy;
}

static bool contains(char *const *list, const char *text)
{
	for (; list && *list; list++) {
		if (strcmp(*list, text) == 0)
			return true;
	}
	return false;
}

static int add_once(char ***list, const char *text, struct err *err)
{
	if (contains(*list, text))
		return 0;
	if (strv_count(*list) >= LIMIT_POLICY_ENTRIES)
		return err_set(err, ERR_LIMIT, "a policy has at most %d entries of a kind",
			       LIMIT_POLICY_ENTRIES);
	strv_add(list, text);
	return 0;
}

/* `hosts` in their written form, each once. */
static int read_hosts(char *const *hosts, char ***ret_entries, struct err *err)
{
	AUTO(auto_strv) char **entries = NULL;

	for (; hosts && *hosts; hosts++) {
		const char *start = *hosts + strspn(*hosts, " \t\r\n");
		size_t len = strlen(start);
		AUTO_FREE char *host = NULL;
		char text[HOST_ENTRY_TEXT];
		struct host_entry entry;

		while (len > 0 && isspace((unsigned char)start[len - 1]))
			len--;
		if (len == 0)
			continue;
		host = xstrndup(start, len);
		if (host_entry_parse(host, &entry, err) < 0)
			return -1;
		host_entry_format(&entry, text);
		if (add_once(&entries, text, err) < 0)
			return -1;
	}
	if (!entries)
		return err_set(err, ERR_INVALID, "invalid allow-list hosts: no hosts provided");
	*ret_entries = STEAL(entries);
	return 0;
}

int policy_spec_add_hosts(struct policy_spec *spec, char *const *hosts, char ***ret_added,
			  struct err *err)
{
	AUTO(auto_strv) char **entries = NULL, **list = strv_copy(spec->allow_hosts);
	AUTO(auto_strv) char **added = NULL;

	if (read_hosts(hosts, &entries, err) < 0)
		return -1;
	for (char **entry = entries; *entry; entry++) {
		if (contains(list, *entry))
			continue;
		if (add_once(&list, *entry, err) < 0)
			return -1;
		strv_add(&added, *entry);
	}
	strv_free(spec->allow_hosts);
	spec->allow_hosts = STEAL(list);
	spec->listed = true;
	*ret_added = STEAL(added);
	return 0;
}

int policy_spec_delete_hosts(struct policy_spec *spec, char *const *hosts, char ***ret_removed,
			     struct err *err)
{
	AUTO(auto_strv) char **entries = NULL, **list = NULL, **removed = NULL;

	if (read_hosts(hosts, &entries, err) < 0)
		return -1;
	for (char **old = spec->allow_hosts; old && *old; old++) {
		if (!contains(entries, *old))
			strv_add(&list, *old);
	}
	for (char **entry = entries; *entry; entry++) {
		if (contains(spec->allow_hosts, *entry))
			strv_add(&removed, *entry);
	}
	strv_free(spec->allow_hosts);
	spec->allow_hosts = STEAL(list);
	*ret_removed = STEAL(removed);
	return 0;
}

int policy_spec_add_private(struct policy_spec *spec, const char *range, struct err *err)
{
	AUTO_FREE char *shown = text_quoted(range);
	char text[IP_NET_TEXT];
	struct ip_net net;

	if (ip_net_parse(range, &net, err) < 0)
		return err_wrap(err, "invalid private range %s", shown);
	ip_net_format(&net, text);
	return add_once(&spec->allow_private, text, err);
}

int policy_spec_add_service(struct policy_spec *spec, const char *service, struct err *err)
{
	char text[HOST_SERVICE_TEXT];
	struct host_service parsed;

	if (host_service_parse(service, &parsed, err) < 0)
		return -1;
	host_service_format(&parsed, text);
	return add_once(&spec->host_services, text, err);
}
