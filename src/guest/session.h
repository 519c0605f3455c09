// SPDX-License-Identifier: MIT
/*
 * Exec sessions: each is one command, its streams and its control group.
 *
 * A session is STARTING until the command runs or has failed, RUNNING until it has ended and its
 * output has been passed on, and then, when processes that it left behind still run, it is only
 * remembered so that its group can be removed one day.
 */
#pragma once

#include "base/buf.h"
#include "wire/channel.h"

#include <stdbool.h>

struct agent_prepare;
struct container;
struct session_set;

struct session_set *session_set_new(uv_loop_t *loop, struct channel *channel,
				    struct container *container);

/* The VM is about to be saved: what has ended is forgotten, and where `prepare` wants it a process
 * is made that waits for the first command.  ERR_CONFLICT while commands run. */
int session_set_prepare(struct session_set *set, const struct agent_prepare *prepare,
			struct err *err);

/* From now on the streams are those of another channel; none may be open. */
void session_set_rechannel(struct session_set *set, struct channel *channel);

/* A stream of kind EXEC was opened: starts the command, or answers FAILED. */
void session_set_open(struct session_set *set, struct mux_stream *stream, struct view request);

/* The command `id` has ended with this wait status. */
void session_set_exited(struct session_set *set, unsigned id, int wait_status);

/* True while a command's streams are open. */
bool session_set_is_busy(const struct session_set *set);

/* Answers FAILED and closes the stream. */
void session_refuse(struct mux_stream *stream, unsigned exit_code, const char *text);
