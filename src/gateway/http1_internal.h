// SPDX-License-Identifier: MIT
/* How a head says what follows it: shared by requests and responses (http1.c, http1_framing.c). */
#pragma once

#include "gateway/http1.h"

/* The two fields that delimit a body, checked against each other. */
struct http1_framing {
	bool chunked, sized;
	uint64_t length;
};

int http1_framing_read(const struct http1_head *head, struct http1_framing *ret_framing,
		       struct err *err);

/* Connection: sets head->keep_alive; *ret_upgrade says whether it names Upgrade. */
int http1_connection_read(struct http1_head *head, bool *ret_upgrade, struct err *err);
