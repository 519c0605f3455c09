// SPDX-License-Identifier: MIT
/* Records of one connection: see record.h. */
#include "gateway/record.h"

static const char *const words[] = {
	[POLICY_CONNECT] = "connect",
	[POLICY_TLS] = "tls",
	[POLICY_HTTP] = "http",
	[POLICY_OTHER] = "connect",
};

/* About the name that was said, or, when there is none or it does not matter, the destination. */
static void put_subject(const struct record *record, struct audit_event *event)
{
	const struct claim *claim = record->claim;
	bool said = claim->name[0] && !claim_is_closed(claim, record->gateway->policy);

	event->host = said ? claim->name : claim->host;
	event->port = said ? claim->name_port : claim->port;
}

bool record_verdict(struct record *record, struct audit_event *event,
		    struct policy_verdict *verdict)
{
	if (!event->what)
		event->what = words[record->claim->said];
	event->flow = record->flow;
	event->verdict = verdict;
	put_subject(record, event);
	if (!audit_write(record->gateway->audit, event) && verdict->allowed)
		claim_deny("the audit cannot be written", verdict);
	if (verdict->allowed)
		record->allowed = true;
	else
		record->gateway->counters->denied++;
	return verdict->allowed;
}

bool record_claim(struct record *record, struct policy_verdict *verdict)
{
	struct audit_event event = {0};

	return record_verdict(record, &event, verdict);
}

void record_end(const struct record *record, const struct ip *ip,
		const struct tunnel_result *result)
{
	const struct gateway *gateway = record->gateway;
	struct audit_event event = {.what = "end",
				    .flow = record->flow,
				    .host = record->claim->host,
				    .port = record->claim->port,
				    .ip = ip,
				    .error = result->error,
				    .sent = result->sent,
				    .received = result->received,
				    .duration_ms = uv_now(gateway->loop) - record->began_ms};

	if (record->allowed)
		(void)audit_write(gateway->audit, &event);
}
