// SPDX-License-Identifier: MIT
/* Guests for tests: see test_guests.h. */
#include "sandbox/test_guests.h"

#include "base/attr.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "wire/agent.h"
#include "wire/mux.h"

#include <endian.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void frame(int fd, uint32_t stream, uint8_t type, uint8_t channel, struct view payload)
{
	unsigned char head[MUX_HEADER_SIZE] = {0};
	uint32_t le_stream = htole32(stream), le_len = htole32((uint32_t)payload.len);
	struct err ignored;

	memcpy(head, &le_stream, 4);
	head[4] = type;
	head[5] = channel;
	memcpy(head + 8, &le_len, 4);
	(void)fd_write_all(fd, head, sizeof(head), "frame", &ignored);
	(void)fd_write_all(fd, payload.ptr, payload.len, "frame", &ignored);
}

static void message(int fd, uint32_t stream, enum agent_message type)
{
	frame(fd, stream, MUX_MESSAGE, (uint8_t)type, VIEW_LIT(""));
}

static void ready(int fd, uint32_t setup)
{
	frame(fd, setup, MUX_MESSAGE, AGENT_READY, VIEW_LIT("\0"));
}

/* The number of the next stream that the host opens. */
static uint32_t await_open(int fd)
{
	static char payload[LIMIT_MESSAGE_TO_GUEST];

	for (;;) {
		unsigned char head[MUX_HEADER_SIZE];
		uint32_t stream, len;
		struct err err;

		if (fd_read_exact(fd, head, sizeof(head), "head", &err) < 0)
			_exit(9);
		memcpy(&stream, head, 4);
		memcpy(&len, head + 8, 4);
		if (fd_read_exact(fd, payload, le32toh(len), "payload", &err) < 0)
			_exit(9);
		if (head[4] == MUX_OPEN)
			return le32toh(stream);
	}
}

static uint32_t get_ready(int fd)
{
	uint32_t setup = await_open(fd);

	ready(fd, setup);
	frame(fd, setup, MUX_CLOSE, 0, VIEW_LIT(""));
	return await_open(fd);
}

static void exited(int fd, uint32_t stream, uint32_t code)
{
	AUTO_BUF struct buf buf = BUF_INIT(64);

	agent_exited_pack(&buf, &(struct agent_exited){.code = code});
	frame(fd, stream, MUX_MESSAGE, AGENT_EXITED, (struct view){buf.ptr, buf.len});
}

void guest_honest(int fd, int console)
{
	uint32_t exec = get_ready(fd);

	(void)console;
	message(fd, exec, AGENT_STARTED);
	frame(fd, exec, MUX_DATA, 1, VIEW_LIT("hello"));
	frame(fd, exec, MUX_END, 1, VIEW_LIT(""));
	frame(fd, exec, MUX_END, 2, VIEW_LIT(""));
	exited(fd, exec, 7);
	frame(fd, exec, MUX_CLOSE, 0, VIEW_LIT(""));
	pause();
}

void guest_dies(int fd, int console)
{
	(void)fd;
	(void)console;
	_exit(3);
}

void guest_refuses(int fd, int console)
{
	AUTO_BUF struct buf buf = BUF_INIT(256);
	uint32_t setup = await_open(fd);

	(void)console;
	agent_failed_pack(&buf, &(struct agent_failed){.exit_code = 1, .text = (char *)"no disk"});
	frame(fd, setup, MUX_MESSAGE, AGENT_FAILED, (struct view){buf.ptr, buf.len});
	pause();
}

void guest_is_silent(int fd, int console)
{
	(void)console;
	frame(fd, await_open(fd), MUX_CLOSE, 0, VIEW_LIT(""));
	pause();
}

void guest_garbage(int fd, int console)
{
	static const char noise[4096] = {1, 2, 3};
	struct err ignored;

	(void)console;
	(void)fd_write_all(fd, noise, sizeof(noise), "noise", &ignored);
	pause();
}

void guest_opens(int fd, int console)
{
	(void)console;
	frame(fd, 2, MUX_OPEN, AGENT_EXEC, VIEW_LIT("x"));
	pause();
}

void guest_overruns(int fd, int console)
{
	static const char bytes[16384];
	uint32_t exec = get_ready(fd);

	(void)console;
	message(fd, exec, AGENT_STARTED);
	for (size_t sent = 0; sent <= 2 * LIMIT_STREAM_CREDIT; sent += sizeof(bytes))
		frame(fd, exec, MUX_DATA, 1, (struct view){bytes, sizeof(bytes)});
	pause();
}

void guest_abandons(int fd, int console)
{
	uint32_t exec = get_ready(fd);

	(void)console;
	message(fd, exec, AGENT_STARTED);
	frame(fd, exec, MUX_CLOSE, 0, VIEW_LIT(""));
	pause();
}

void guest_hangs_up(int fd, int console)
{
	static char request[LIMIT_MESSAGE_TO_GUEST];

	get_ready(fd);
	(void)console;
	(void)!recv(fd, request, sizeof(request), MSG_DONTWAIT);
	close(fd);
	pause();
}

static void await_bytes(int fd)
{
	char byte;

	(void)!recv(fd, &byte, 1, MSG_PEEK);
}

/* A socket that is closed with unread bytes is an error at the other end. */
void guest_resets(int fd, int console)
{
	(void)console;
	ready(fd, await_open(fd));
	await_bytes(fd);
	close(fd);
	pause();
}

void guest_finishes_and_resets(int fd, int console)
{
	static const char bytes[65536];
	uint32_t setup = await_open(fd), exec = setup + 2;

	(void)console;
	ready(fd, setup);
	await_bytes(fd);
	message(fd, exec, AGENT_STARTED);
	frame(fd, exec, MUX_DATA, 1, (struct view){bytes, LIMIT_FRAME_TO_HOST});
	frame(fd, exec, MUX_END, 1, VIEW_LIT(""));
	frame(fd, exec, MUX_END, 2, VIEW_LIT(""));
	exited(fd, exec, 7);
	frame(fd, exec, MUX_CLOSE, 0, VIEW_LIT(""));
	close(fd);
	pause();
}

void guest_ignores(int fd, int console)
{
	get_ready(fd);
	(void)console;
	pause();
}

void guest_repeats(int fd, int console)
{
	uint32_t setup = await_open(fd);

	(void)console;
	ready(fd, setup);
	ready(fd, setup);
	pause();
}

/* As much as a pipe holds at once. */
void guest_panics(int fd, int console)
{
	static char text[64 * 1024];
	struct err ignored;

	get_ready(fd);
	memset(text, 'x', sizeof(text));
	for (size_t i = 99; i < sizeof(text); i += 100)
		text[i] = '\n';
	memcpy(text + sizeof(text) - 12, "\nlast words\n", 12);
	(void)fd_write_all(console, text, sizeof(text), "console", &ignored);
	_exit(0);
}
