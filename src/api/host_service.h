// SPDX-License-Identifier: MIT
/*
 * `--allow-host-service NAME=ADDRESS:PORT`: by this name and at this port a guest reaches one
 * service that no guest reaches otherwise, such as "db.internal=127.0.0.1:5432".
 */
#pragma once

#include "api/host_name.h"
#include "base/ip.h"

#include <stdint.h>

struct host_service {
	char name[HOST_NAME_SIZE];
	struct ip ip;
	uint16_t port;
};

enum { HOST_SERVICE_TEXT = HOST_NAME_SIZE + IP_TEXT + 10 };

/* ERR_INVALID "invalid host service TEXT: reason". */
int host_service_parse(const char *text, struct host_service *ret_service, struct err *err);
void host_service_format(const struct host_service *service, char ret_text[HOST_SERVICE_TEXT]);
