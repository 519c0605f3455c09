// SPDX-License-Identifier: MIT
/* Host mappings: see add_host.h. */
#include "api/add_host.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* The address as text; an IPv4 address in its IPv6 form becomes the IPv4 one. */
static bool canonical_ip(const char *text, char ret_ip[INET6_ADDRSTRLEN])
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1)
		return inet_ntop(AF_INET, &v4, ret_ip, INET6_ADDRSTRLEN) != NULL;
	if (inet_pton(AF_INET6, text, &v6) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&v6))
		return inet_ntop(AF_INET, &v6.s6_addr[12], ret_ip, INET6_ADDRSTRLEN) != NULL;
	return inet_ntop(AF_INET6, &v6, ret_ip, INET6_ADDRSTRLEN) != NULL;
}

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
	char ip[INET6_ADDRSTRLEN];

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
	if (!canonical_ip(colon + 1, ip))
		return err_set(err, ERR_INVALID,
			       "invalid add-host ip: %s (expected an IPv4 or IPv6 address) in %s",
			       shown_ip, shown);
	*ret_mapping = xasprintf("%s:%s", name, ip);
	return 0;
}
