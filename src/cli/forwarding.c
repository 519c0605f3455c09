// SPDX-License-Identifier: MIT
/* Words about ports: see forwarding.h. */
#include "cli/forwarding.h"

#include <stdio.h>

void forwarding_print(const struct port_mapping *mappings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char local[PORT_MAPPING_TEXT];

		port_mapping_format_local(&mappings[i], local);
		fprintf(stderr, "Forwarding %s -> sandbox:%u\n", local, mappings[i].guest_port);
	}
}
