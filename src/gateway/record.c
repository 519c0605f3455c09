// SPDX-License-Identifier: MIT
/* Records of one connection: see record.h. */
#include "gateway/record.h"

bool record_verdict(struct record *record, struct audit_event *event,
		    struct policy_verdict *verdict)
{
	struct counters *counters = record->gateway->counters;

	event->flow = record->flow;
	event->verdict = verdict;
	if (!event->host || !*event->host)
		event->host = record->claim->host;
	if (event->port == 0)
		event->port = record->claim->port;
	if (!audit_write(record->gateway->audit, event) && verdict->allowed)
		claim_deny("the audit cannot be written", verdict);
	if (verdict->allowed)
		record->allowed = true;
	else
		counters->denied++;
	return verdict->allowed;
}

static const char *word_of(enum policy_protocol protocol)
{
	return protocol == POLICY_TLS ? "tls" : protocol == POLICY_HTTP ? "http" : "connect";
}

bool record_claim(struct record *record, struct policy_verdict *verdict)
{
	const struct claim *claim = record->claim;
	struct audit_event event = {
		.what = word_of(claim->said), .host = claim->name, .port = claim->name_port};

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
