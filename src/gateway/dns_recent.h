// SPDX-License-Identifier: MIT
/* Names that were asked for a short while ago, so that what is done once for each is done once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_recent;

/* At most `max` are remembered, the newest, for `keep_ms`. */
struct dns_recent *dns_recent_new(size_t max, uint64_t keep_ms);
void dns_recent_free(struct dns_recent *recent);

/* `kind` tells things apart that are done for the same name. */
bool dns_recent_has(struct dns_recent *recent, const char *name, uint32_t kind, uint64_t now_ms);
/* For what it does not have. */
void dns_recent_add(struct dns_recent *recent, const char *name, uint32_t kind, uint64_t now_ms);
