// SPDX-License-Identifier: MIT
/* Services of the host: see host_service.h.  Pure; every failure is of the text. */
#include "api/host_service.h"

#include "api/host_entry.h"
#include "base/alloc.h"
#include "base/auto.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static int parse(const char *text, struct host_service *ret_service, struct err *err)
{
	size_t name_len = strcspn(text, "=");
	AUTO_FREE char *name = xstrndup(text, name_len);
	AUTO_FREE char *host = NULL;

	if (text[name_len] == '\0')
		return err_set(err, ERR_INVALID,
			       "expected NAME=ADDRESS:PORT, such as db.internal=127.0.0.1:5432");
	if (host_port_split(text + name_len + 1, &host, &ret_service->port, err) < 0 ||
	    host_name_typed(name, false, ret_service->name, err) < 0)
		return -1;
	if (!ip_parse(host, &ret_service->ip))
		return err_set(err, ERR_INVALID, "expected an IP address behind the '='");
	if (ret_service->port == 0)
		return err_set(err, ERR_INVALID, "expected a port behind the address");
	return 0;
}

int host_service_parse(const char *text, struct host_service *ret_service, struct err *err)
{
	AUTO_FREE char *shown = text_quoted(text);
	struct host_service service = {0};

	if (parse(text, &service, err) < 0)
		return err_wrap(err, "invalid host service %s", shown);
	*ret_service = service;
	return 0;
}

void host_service_format(const struct host_service *service, char ret_text[HOST_SERVICE_TEXT])
{
	bool brackets = !ip_is_v4(&service->ip);
	char ip[IP_TEXT];

	ip_format(&service->ip, ip);
	snprintf(ret_text, HOST_SERVICE_TEXT, "%s=%s%s%s:%u", service->name, brackets ? "[" : "",
		 ip, brackets ? "]" : "", service->port);
}
