// SPDX-License-Identifier: MIT
/*
 * gateway/http_flow.c and http_exchange.c: a guest and a server that take turns.  The input is what
 * they say, in pieces with a NUL between them: the first byte of each is the speaker, `g` or `s`,
 * or `G` or `S` if it ends with that.  Besides not crashing and giving everything back: what
 * reaches the server are whole and good requests to the one host that is allowed, each of them
 * judged.
 */
#include "gateway/http_flow.h"

#include "base/auto.h"
#include "base/limits.h"
#include "fuzz/fuzz.h"
#include "gateway/http1_body.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INPUT_MAX = 64 * 1024, TURNS = 4 };

struct world {
	uv_loop_t loop;
	struct http_flow *flow; /* NULL: it has ended */
	int guest, server;	/* the ends that these have; -1: no server yet */
	struct buf heard;	/* by the server */
	unsigned judged;
};

static void pair_of(int *ret_theirs, int *ret_ours)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	*ret_theirs = pair[0];
	*ret_ours = pair[1];
}

/* --- the flow's owner --- */

static bool on_judge(void *ctx, const struct http1_request *request,
		     struct policy_verdict *ret_verdict)
{
	struct world *world = ctx;

	*ret_verdict = (struct policy_verdict){
		.allowed = strcmp(request->authority.host, "a.test") == 0 && !request->is_connect};
	world->judged += ret_verdict->allowed;
	return ret_verdict->allowed;
}

static void on_connect(void *ctx)
{
	struct world *world = ctx;
	int ours;

	pair_of(&world->server, &ours);
	http_flow_serve(world->flow, ours);
}

static void on_ended(void *ctx, const struct tunnel_result *result)
{
	struct world *world = ctx;

	(void)result;
	http_flow_close(STEAL(world->flow));
}

/* --- turns --- */

static void listen_to(int fd, struct buf *heard)
{
	char piece[4096];
	ssize_t len;

	while (fd >= 0 && (len = recv(fd, piece, sizeof(piece), MSG_DONTWAIT)) > 0) {
		if (heard)
			buf_put(heard, piece, (size_t)len);
	}
}

static void run(struct world *world)
{
	for (int i = 0; i < TURNS; i++) {
		uv_run(&world->loop, UV_RUN_NOWAIT);
		listen_to(world->guest, NULL);
		listen_to(world->server, &world->heard);
	}
}

static void speak(struct world *world, struct view piece)
{
	bool guest = piece.ptr[0] == 'g' || piece.ptr[0] == 'G';
	int fd = guest ? world->guest : world->server;

	if (fd < 0)
		return;
	if (piece.len > 1)
		(void)send(fd, piece.ptr + 1, piece.len - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (piece.ptr[0] == 'G' || piece.ptr[0] == 'S')
		shutdown(fd, SHUT_WR);
	run(world);
}

static void speak_all(struct world *world, struct view input)
{
	while (input.len > 0) {
		const char *end = memchr(input.ptr, 0, input.len);
		size_t len = end ? (size_t)(end - input.ptr) : input.len;

		if (len > 0)
			speak(world, (struct view){input.ptr, len});
		len += end != NULL;
		input.ptr += len;
		input.len -= len;
	}
}

/* --- what the server has heard --- */

/* Takes a body from the front; false: it is not all there. */
static bool take_body(const struct http1_head *head, struct view *bytes)
{
	AUTO(http1_body_done) struct http1_body body;
	struct view content;
	struct err err;

	http1_body_init(&body, head);
	while (!body.done && bytes->len > 0) {
		ssize_t used = http1_body_read(&body, *bytes, &content, &err);

		assert(used > 0);
		bytes->ptr += used;
		bytes->len -= (size_t)used;
	}
	return body.done;
}

static void check_heard(const struct world *world)
{
	struct view bytes = {world->heard.ptr, world->heard.len};
	struct http1_request request;
	unsigned count = 0;
	bool whole = true;

	while (whole && bytes.len > 0) {
		struct http1_scan scan = {0};
		struct err err;
		ssize_t size = http1_request_read(&scan, bytes, &request, &err);

		assert(size > 0 && ++count <= world->judged);
		assert(strcmp(request.authority.host, "a.test") == 0 && !request.is_connect);
		bytes.ptr += size;
		bytes.len -= (size_t)size;
		whole = take_body(&request.head, &bytes) && !request.upgrade;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct counters counters = {0};
	struct world world = {.server = -1, .heard = BUF_INIT(2 * INPUT_MAX)};
	struct http_flow_owner owner = {on_judge, on_connect, on_ended, &world};
	struct http_flow_spec spec = {.server_fd = -1, .counters = &counters};
	struct err err;

	if (size > INPUT_MAX)
		return 0;
	uv_loop_init(&world.loop);
	pair_of(&world.guest, &spec.guest_fd);
	if (http_flow_open(&world.loop, &spec, &owner, &world.flow, &err) < 0)
		abort();
	run(&world);
	speak_all(&world, (struct view){(const char *)data, size});
	check_heard(&world);
	http_flow_close(world.flow);
	uv_run(&world.loop, UV_RUN_DEFAULT);
	assert(uv_loop_close(&world.loop) == 0);
	close(world.guest);
	if (world.server >= 0)
		close(world.server);
	buf_done(&world.heard);
	return 0;
}
