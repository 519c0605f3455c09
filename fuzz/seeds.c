// SPDX-License-Identifier: MIT
/*
 * Writes the seeds of the corpora that are made by our own encoders: `fuzz_seeds fuzz/corpus`.
 * Run it when a message changes, and commit what it writes.  Inputs beside them (names that do not
 * begin with "seed-") were found by fuzzing or written by hand.
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/path.h"
#include "wire/agent.h"
#include "wire/allow_list.h"
#include "wire/control.h"
#include "wire/mux.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *corpus;

/* corpus/TARGET/seed-NAME: the byte `head`, then `bytes`. */
static void put(const char *target, const char *name, unsigned char head, struct view bytes)
{
	AUTO_FREE char *dir = path_join(corpus, target);
	AUTO_FREE char *path = xasprintf("%s/seed-%s", dir, name);
	AUTO_BUF struct buf file = BUF_INIT(64 * 1024);
	struct err err;

	buf_putc(&file, (char)head);
	buf_put(&file, bytes.ptr, bytes.len);
	if (path_mkdirs(dir, 0755, &err) < 0 ||
	    fd_write_file(AT_FDCWD, path, file.ptr, file.len, 0644, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
}

static void put_agent(const char *name, unsigned char decoder, struct buf *message)
{
	put("agent", name, decoder, (struct view){message->ptr, message->len});
	buf_clear(message);
}

static void agent_setup_seed(struct buf *message)
{
	char *dns[] = {(char *)"8.8.8.8", (char *)"2001:4860:4860::8888", NULL};
	char *hosts[] = {(char *)"10.0.0.10 api.internal", NULL};
	struct agent_disk disks[] = {
		{AGENT_DISK_MODULES, true, NULL},
		{AGENT_DISK_LAYER, true, NULL},
		{AGENT_DISK_UPPER, false, NULL},
		{AGENT_DISK_DATA, false, (char *)"/data"},
	};
	const struct agent_setup setup = {
		.protocol = AGENT_PROTOCOL,
		.hostname = (char *)"vm-0a1b2c3d",
		.privileged = true,
		.cpu_quota_us = 50000,
		.mtu = 1500,
		.dns = dns,
		.hosts = hosts,
		.disk_count = ARRAY_SIZE(disks),
		.disks = disks,
	};

	agent_setup_pack(message, &setup);
	put_agent("setup", 0, message);
	agent_setup_pack(message, &(struct agent_setup){.protocol = AGENT_PROTOCOL});
	put_agent("setup-bare", 0, message);
	agent_setup_pack(message, &(struct agent_setup){.protocol = AGENT_PROTOCOL + 1});
	put_agent("setup-other-build", 0, message);
}

static void agent_seeds(void)
{
	AUTO_BUF struct buf message = BUF_INIT(4096);
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)"exit 7", NULL};
	char *env[] = {(char *)"TERM=xterm", (char *)"A=b=c", NULL};

	agent_setup_seed(&message);
	agent_exec_pack(&message, &(struct agent_exec){
					  .flags = AGENT_EXEC_STDIN | AGENT_EXEC_TTY,
					  .argv = argv,
					  .command = (char *)"sh -c 'exit 7'",
					  .env = env,
					  .cwd = (char *)"/tmp",
					  .user = (char *)"65534:65534",
					  .rows = 24,
					  .cols = 80,
					  .grace_ms = 5000,
				  });
	put_agent("exec", 1, &message);
	agent_exec_pack(&message, &(struct agent_exec){0});
	put_agent("exec-bare", 1, &message);
	agent_failed_pack(&message, &(struct agent_failed){127, (char *)"sh: not found"});
	put_agent("failed", 2, &message);
	agent_exited_pack(&message, &(struct agent_exited){137, 9, 100, 200});
	put_agent("exited", 3, &message);
	agent_signal_pack(&message, 15);
	put_agent("signal", 4, &message);
	agent_size_pack(&message, &(struct agent_size){24, 80});
	put_agent("size", 5, &message);
	agent_shutdown_pack(&message, &(struct agent_shutdown){2000});
	put_agent("shutdown", 6, &message);
	agent_steps_pack(&message, &(struct agent_steps){2, {{AGENT_STEP_ENTROPY, 5}, {9, 9}}});
	put_agent("steps", 7, &message);
	agent_prepare_pack(&message, &(struct agent_prepare){true, (char *)"nobody", (char *)"/"});
	put_agent("prepare", 8, &message);
	agent_clock_pack(&message, &(struct agent_clock){UINT64_C(1700000000000000000)});
	put_agent("clock", 9, &message);
	agent_connect_pack(&message, &(struct agent_connect){8080, 65536});
	put_agent("connect", 10, &message);
}

static void control_seed(const char *name, const struct control_packet *packet)
{
	AUTO_BUF struct buf message = BUF_INIT(LIMIT_CONTROL_PACKET);

	control_pack(&message, packet);
	put("control", name, (unsigned char)message.ptr[0],
	    (struct view){message.ptr + 1, message.len - 1});
}

static void control_seeds(void)
{
	control_seed("exec", &(struct control_packet){CONTROL_REQUEST, {.kind = CONTROL_EXEC}});
	control_seed("forward",
		     &(struct control_packet){CONTROL_REQUEST, {.kind = CONTROL_FORWARD}});
	control_seed("allow-list",
		     &(struct control_packet){CONTROL_REQUEST, {.kind = CONTROL_ALLOW_LIST}});
	control_seed("answer", &(struct control_packet){.type = CONTROL_ANSWER});
	control_seed("listen", &(struct control_packet){CONTROL_LISTEN, {.guest_port = 8080}});
	control_seed("note", &(struct control_packet){CONTROL_NOTE, {.failed = {1, (char *)"no"}}});
	control_seed("signal", &(struct control_packet){CONTROL_SIGNAL, {.signal = 10}});
	control_seed("resize", &(struct control_packet){CONTROL_RESIZE, {.size = {24, 80}}});
	control_seed("failed", &(struct control_packet){CONTROL_FAILED,
							{.failed = {127, (char *)"not found"}}});
	control_seed("exited", &(struct control_packet){CONTROL_EXITED, {.exit_code = 137}});
}

static void allow_list_seeds(void)
{
	static char *hosts[] = {(char *)"a.test", (char *)"*.b.test:22", NULL};
	const struct allow_list_request request = {ALLOW_LIST_ADD, hosts};
	const struct allow_list_answer answer = {.changed = hosts,
						 .policy = {.listed = true, .allow_hosts = hosts}};
	AUTO_BUF struct buf message = BUF_INIT(1024);

	allow_list_request_pack(&message, &request);
	put("allow_list", "request", 0, (struct view){message.ptr, message.len});
	buf_clear(&message);
	allow_list_answer_pack(&message, &answer);
	put("allow_list", "answer", 1, (struct view){message.ptr, message.len});
}

static void ignore(void *ctx)
{
	(void)ctx;
}

static void ignore_opened(void *ctx, struct mux_stream *stream, uint8_t kind, struct view request)
{
	(void)ctx;
	(void)kind;
	(void)request;
	mux_close(stream);
}

static const struct mux_ops mux_ops = {ignore_opened, ignore};
static const struct mux_stream_ops stream_ops = {.closed = ignore};

/* What a host says: a request, input with its end, messages of every kind that fuzz/mux.c knows. */
static void mux_host_seed(const char *name, unsigned char head, uint8_t kind)
{
	struct mux *mux = mux_new(MUX_HOST, LIMIT_MESSAGE_TO_HOST, &mux_ops, NULL);
	struct mux_stream *first, *second;
	struct err err;

	if (mux_open(mux, kind, VIEW_LIT("request"), &stream_ops, NULL, &first, &err) < 0 ||
	    mux_open(mux, 2, VIEW_LIT(""), &stream_ops, NULL, &second, &err) < 0)
		abort();
	mux_send(first, 0, "some input", 10);
	mux_message(first, 1, VIEW_LIT("echo this"));
	mux_message(first, 3, VIEW_LIT(""));
	mux_message(second, 2, VIEW_LIT(""));
	mux_send(second, 1, "held", 4);
	mux_end(first, 0);
	mux_message(second, 0, VIEW_LIT(""));
	mux_close(first);
	mux_close(second);
	put("mux", name, head, mux_output(mux));
	mux_free(mux);
}

/* One frame, by hand: a guest's streams are those that the host opened. */
static void frame(struct buf *out, unsigned stream, enum mux_frame type, unsigned channel,
		  struct view payload)
{
	buf_putc(out, (char)stream);
	buf_put(out, "\0\0", 3);
	buf_putc(out, (char)type);
	buf_putc(out, (char)channel);
	buf_put(out, "\0", 2);
	buf_putc(out, (char)payload.len);
	buf_put(out, "\0\0", 3);
	buf_put(out, payload.ptr, payload.len);
}

/* What a guest answers on the streams 1 (where fuzz/mux.c allows nothing), 3 and 5. */
static void mux_guest_seed(void)
{
	AUTO_BUF struct buf out = BUF_INIT(4096);

	frame(&out, 3, MUX_MESSAGE, 1, VIEW_LIT("started"));
	frame(&out, 3, MUX_DATA, 1, VIEW_LIT("output\n"));
	frame(&out, 3, MUX_DATA, 2, VIEW_LIT("errors\n"));
	frame(&out, 5, MUX_CREDIT, 0, VIEW_LIT("\0\1\0\0"));
	frame(&out, 5, MUX_MESSAGE, 4, VIEW_LIT(""));
	frame(&out, 3, MUX_END, 1, VIEW_LIT(""));
	frame(&out, 1, MUX_CLOSE, 0, VIEW_LIT(""));
	frame(&out, 3, MUX_CLOSE, 0, VIEW_LIT(""));
	put("mux", "guest", 0xff, (struct view){out.ptr, out.len});
	put("mux", "guest-in-pieces", 3 + 4 * 4, (struct view){out.ptr, out.len});
	buf_clear(&out);
	for (int i = 0; i < 12; i++)
		frame(&out, 3, MUX_MESSAGE, 4, VIEW_LIT(""));
	put("mux", "guest-backlog", 0xff, (struct view){out.ptr, out.len});
	frame(&out, 3, MUX_END, 1, VIEW_LIT(""));
	for (int i = 0; i < 20; i++)
		frame(&out, 3, MUX_CREDIT, 1, VIEW_LIT("\0\1\0\0"));
	put("mux", "guest-backlog-end", 0xff, (struct view){out.ptr, out.len});
	buf_clear(&out);
	frame(&out, 1, MUX_DATA, 1, VIEW_LIT("not wanted"));
	put("mux", "guest-breach", 0xff, (struct view){out.ptr, out.len});
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: fuzz_seeds fuzz/corpus\n");
		return 1;
	}
	corpus = argv[1];
	agent_seeds();
	control_seeds();
	allow_list_seeds();
	mux_host_seed("host", 0xfe, 2);
	mux_host_seed("host-in-pieces", 2 + 4 * 6, 2);
	mux_host_seed("host-refused", 0xfe, 0);
	mux_host_seed("host-strict", 0xfe, 1);
	mux_guest_seed();
	return 0;
}
