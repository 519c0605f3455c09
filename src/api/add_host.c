// SPDX-License-Identifier: MIT
/* Host mappings: see add_host.h. */
#include "api/add_host.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/ip.h"
#include "base/text.h"

#include <string.h>

/* What would break the line in /etc/hosts. */
static bool name_ok(const char *name)
{
	if (!*name || strlen(name) > 253)
		return false;
	for (; *name; name++) {
		if ((unsigned char)*name <= ' ' || *name == 0x7f || *name == '#')
			return false;
	}
	return true;
}

int add_host_parse(const char *text, char **ret_mapping, struct err *err)
{
	const char *colon = strchr(text, ':');
	AUTO_FREE char *shown = text_quoted(text);
	AUTO_FREE char *name = NULL, *shown_name = NULL, *shown_ip = NULL;
	char canonical[IP_TEXT];
	struct ip ip;

	if (!colon)
		return err_set(err, ERR_INVALID,
			       "invalid add-host format: %s (expected host:ip) in %s", shown,
			       shown);
	name = xstrndup(text, (size_t)(colon - text));
	shown_name = text_quoted(name);
	if (!name_ok(name))
		return err_set(err, ERR_INVALID,
			       "invalid add-host hostname: %s (1 to 253 characters without white "
			       "space, ':' or '#') in %s",
			       shown_name, shown);
	shown_ip = text_quoted(colon + 1);
	if (!ip_parse(colon + 1, &ip))
		return err_set(err, ERR_INVALID,
			       "invalid add-host ip: %s (expected an IPv4 or IPv6 address) in %s",
			       shown_ip, shown);
	ip_format(&ip, canonical);
	*ret_mapping = xasprintf("%s:%s", name, canonical);
	return 0;
}
