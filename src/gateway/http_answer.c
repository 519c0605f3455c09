// SPDX-License-Identifier: MIT
/* Responses of our own: see http_answer.h. */
#include "gateway/http_answer.h"

#include "base/attr.h"

#include <assert.h>

enum { BODY_MAX = 4096 };

static const struct status {
	unsigned code;
	const char *reason, *words; /* of the status line; before the cause in the body */
} statuses[] = {
	{HTTP_ANSWER_BAD_REQUEST, "Bad Request", "Bad request"},
	{HTTP_ANSWER_DENIED, "Forbidden", "Blocked by policy"},
	{HTTP_ANSWER_BAD_GATEWAY, "Bad Gateway", "Failed to connect"},
	{HTTP_ANSWER_TIMEOUT, "Gateway Timeout", "Failed to connect"},
};

static const struct status *find_status(unsigned code)
{
	const struct status *status = statuses;

	while (status < statuses + ARRAY_SIZE(statuses) && status->code != code)
		status++;
	assert(status < statuses + ARRAY_SIZE(statuses));
	return status;
}

static void put_response(struct buf *out, const struct status *status, const struct buf *body,
			 bool no_body)
{
	buf_printf(out,
		   "HTTP/1.1 %u %s\r\n"
		   "Content-Type: text/plain\r\n"
		   "Content-Length: %zu\r\n"
		   "Connection: close\r\n"
		   "\r\n",
		   status->code, status->reason, body->len);
	if (!no_body)
		buf_put(out, body->ptr, body->len);
}

void http_answer_denied(struct buf *out, const struct policy_verdict *verdict, bool no_body)
{
	const struct status *status = find_status(HTTP_ANSWER_DENIED);
	const char *subject = verdict->name[0] ? verdict->name : verdict->entry;
	AUTO_BUF struct buf body = BUF_INIT(BODY_MAX);

	buf_printf(&body, "%s: %s%s%s\n", status->words, subject, *subject ? ": " : "",
		   verdict->reason);
	if (verdict->rule[0])
		buf_printf(&body, "Rule: %s\n", verdict->rule);
	if (verdict->remedy[0])
		buf_printf(&body, "To allow it: %s\n", verdict->remedy);
	put_response(out, status, &body, no_body);
}

void http_answer_failed(struct buf *out, unsigned code, const char *why, bool no_body)
{
	const struct status *status = find_status(code);
	AUTO_BUF struct buf body = BUF_INIT(BODY_MAX);

	buf_printf(&body, "%s: ", status->words);
	for (; *why; why++)
		buf_putc(&body, *why >= ' ' && *why < 0x7f ? *why : '?');
	buf_putc(&body, '\n');
	put_response(out, status, &body, no_body);
}
