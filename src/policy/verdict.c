// SPDX-License-Identifier: MIT
/*
 * The words of a verdict: what decided, why, and the command that would allow it, so that a person
 * or an agent can act on it.  Only read names and addresses are shown, never what a guest sent.
 */
#include "policy/policy_internal.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

enum { SUBJECT_TEXT = HOST_ENTRY_TEXT + 2 };

static const char *const protocol_words[] = {
	[POLICY_DNS] = "",
	[POLICY_CONNECT] = "",
	[POLICY_TLS] = " for TLS",
	[POLICY_HTTP] = " for plain HTTP",
	[POLICY_OTHER] = " for what is neither TLS nor HTTP",
};

/* The narrowest entry of a list that allows the subject. */
static void format_entry(const struct subject *subject, char ret_text[HOST_ENTRY_TEXT])
{
	enum policy_protocol protocol = subject->protocol;
	bool web =
		(subject->port == 443 && (protocol == POLICY_CONNECT || protocol == POLICY_TLS)) ||
		(subject->port == 80 && (protocol == POLICY_CONNECT || protocol == POLICY_HTTP));
	struct host_entry entry = {.net = {subject->ip, 128}};

	memcpy(entry.name, subject->name, sizeof(entry.name));
	if (protocol != POLICY_DNS && !(web && subject->name[0]))
		entry.port = subject->port;
	host_entry_format(&entry, ret_text);
}

static void start(const struct subject *subject, struct policy_verdict *ret_verdict)
{
	*ret_verdict = (struct policy_verdict){.ip = subject->ip};
	memcpy(ret_verdict->name, subject->name, sizeof(subject->name));
	format_entry(subject, ret_verdict->entry);
}

void verdict_allow(const struct subject *subject, enum policy_needs needs, const char *rule,
		   struct policy_verdict *ret_verdict)
{
	start(subject, ret_verdict);
	ret_verdict->allowed = true;
	if (subject->protocol == POLICY_CONNECT)
		ret_verdict->needs = needs;
	snprintf(ret_verdict->rule, sizeof(ret_verdict->rule), "%s", rule);
}

void verdict_invalid(const char *reason, struct policy_verdict *ret_verdict)
{
	*ret_verdict = (struct policy_verdict){0};
	snprintf(ret_verdict->reason, sizeof(ret_verdict->reason), "%s", reason);
}

/* An IPv6 entry with a port has brackets, which shells would expand. */
static const char *quote_of(const char *entry)
{
	return entry[0] == '[' ? "'" : "";
}

/* Appends the flag that opens the address, and returns whether there is one. */
static bool put_opening(const struct subject *subject, const struct closed *closed,
			struct buf *remedy)
{
	struct host_service service = {.ip = closed->ip, .port = subject->port};
	char text[HOST_SERVICE_TEXT];

	if (closed->range && closed->range->opens < FLOOR_BY_SERVICE)
		return false;
	if (closed->range && closed->range->opens >= FLOOR_BY_RANGE) {
		ip_format(&closed->ip, text);
		buf_printf(remedy, " --allow-private %s", text);
		return true;
	}
	if (subject->port == 0)
		return false;
	memcpy(service.name, subject->name, sizeof(service.name));
	if (!service.name[0])
		strcpy(service.name, "service.internal");
	host_service_format(&service, text);
	buf_printf(remedy, " --allow-host-service '%s'", text);
	return true;
}

static void put_remedy(const struct buf *remedy, struct policy_verdict *ret_verdict)
{
	if (!remedy->failed)
		memcpy(ret_verdict->remedy, remedy->ptr, remedy->len + 1);
}

void verdict_not_listed(const struct policy *policy, const struct subject *subject,
			bool host_listed, const struct closed *closed,
			struct policy_verdict *ret_verdict)
{
	struct buf remedy AUTO_BUF = BUF_INIT(sizeof(ret_verdict->remedy) - 1);
	const char *entry = ret_verdict->entry, *quote;

	start(subject, ret_verdict);
	quote = quote_of(entry);
	if (host_listed)
		snprintf(ret_verdict->reason, sizeof(ret_verdict->reason),
			 "host not in allowlist at port %u%s", subject->port,
			 protocol_words[subject->protocol]);
	else
		snprintf(ret_verdict->reason, sizeof(ret_verdict->reason), "host not in allowlist");
	if (policy->id && !closed)
		buf_printf(&remedy, "matchlock allow-list add %s %s%s%s", policy->id, quote, entry,
			   quote);
	else
		buf_printf(&remedy, "matchlock run --allow-host %s%s%s", quote, entry, quote);
	if (!closed || put_opening(subject, closed, &remedy))
		put_remedy(&remedy, ret_verdict);
}

void verdict_closed(const struct subject *subject, const struct closed *closed, size_t count,
		    struct policy_verdict *ret_verdict)
{
	struct buf remedy AUTO_BUF = BUF_INIT(sizeof(ret_verdict->remedy) - 1);
	const char *what;
	char ip[IP_TEXT];
	bool openable = true;

	start(subject, ret_verdict);
	ip_format(&closed->ip, ip);
	what = closed->range ? closed->range->name : "an address of this host";
	if (subject->name[0])
		snprintf(ret_verdict->reason, sizeof(ret_verdict->reason),
			 "%s leads to %s, which is %s", subject->name, ip, what);
	else
		snprintf(ret_verdict->reason, sizeof(ret_verdict->reason), "%s is %s", ip, what);
	buf_puts(&remedy, "matchlock run");
	for (size_t i = 0; i < count; i++)
		openable = openable && put_opening(subject, &closed[i], &remedy);
	if (openable)
		put_remedy(&remedy, ret_verdict);
}
