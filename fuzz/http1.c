// SPDX-License-Identifier: MIT
/*
 * gateway/http1.c and http1_body.c: the input is a connection's bytes, read as a request and its
 * body, and as a response and its body.  Besides not crashing: however the bytes are cut, the heads
 * and bodies end at the same place; an accepted head has one Host at most and one end; and what is
 * accepted as HTTP looks like it.
 */
#include "gateway/http1.h"

#include "base/auto.h"
#include "base/ip.h"
#include "fuzz/fuzz.h"
#include "gateway/http1_body.h"

#include <assert.h>

/* Bytes that the body takes, or -1. */
static ssize_t read_body(const struct http1_head *head, struct view bytes, size_t step)
{
	AUTO(http1_body_done) struct http1_body body;
	struct view content;
	struct err err = {0};
	size_t at = 0;

	http1_body_init(&body, head);
	while (at < bytes.len && !body.done) {
		struct view piece = {bytes.ptr + at, MIN(step, bytes.len - at)};
		ssize_t used = http1_body_read(&body, piece, &content, &err);

		if (used < 0) {
			assert(err.code == ERR_PROTOCOL || err.code == ERR_LIMIT);
			return -1;
		}
		assert(used > 0 && (size_t)used <= piece.len && content.len <= (size_t)used);
		at += (size_t)used;
	}
	return (ssize_t)at;
}

static void check_head(const struct http1_head *head, struct view rest)
{
	const struct http1_field *length = http1_find(&head->fields, "content-length", NULL);

	assert(head->minor <= 1 && head->fields.count <= LIMIT_HTTP_FIELDS);
	assert(!length || !http1_find(&head->fields, "transfer-encoding", NULL));
	assert(!length || !http1_find(&head->fields, "content-length", length));
	assert(head->content == HTTP1_LENGTH || head->length == 0);
	assert(read_body(head, rest, 1) == read_body(head, rest, rest.len ? rest.len : 1));
}

static void check_authority(const struct http1_request *request)
{
	char name[HOST_NAME_SIZE];
	struct ip ip;

	if (request->authority.host[0])
		assert(ip_parse(request->authority.host, &ip) ||
		       host_name_read(request->authority.host, name));
	else
		assert(request->head.minor == 0 && !request->is_connect);
}

/* Fed byte by byte and whole, the same. */
static ssize_t read_request(struct view bytes, struct http1_request *request)
{
	struct http1_scan scan = {0}, whole = {0};
	struct err err = {0};
	ssize_t size = 0;

	for (size_t len = 1; len <= bytes.len && size == 0; len++)
		size = http1_request_read(&scan, (struct view){bytes.ptr, len}, request, &err);
	assert(size == http1_request_read(&whole, bytes, request, &err));
	assert(size >= 0 || err.code == ERR_PROTOCOL || err.code == ERR_LIMIT);
	return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view bytes = {(const char *)data, size}, rest;
	struct http1_request request;
	struct http1_response response;
	struct http1_scan scan = {0};
	enum http1_guess guess = http1_guess(bytes);
	struct err err = {0};
	ssize_t used = read_request(bytes, &request);

	if (used > 0) {
		assert(guess == HTTP1_YES);
		check_authority(&request);
		rest = (struct view){bytes.ptr + used, size - (size_t)used};
		check_head(&request.head, rest);
		assert(request.head.content <= HTTP1_CHUNKED);
		if (http1_response_read(&scan, rest, &request, &response, &err) > 0)
			check_head(&response.head, VIEW_LIT("0\r\n\r\n"));
	}
	request = (struct http1_request){.upgrade = true, .head.minor = 1};
	scan = (struct http1_scan){0};
	used = http1_response_read(&scan, bytes, &request, &response, &err);
	if (used > 0)
		check_head(&response.head, (struct view){bytes.ptr + used, size - (size_t)used});
	return 0;
}
