// SPDX-License-Identifier: MIT
/*
 * A command that another process asks for: EXEC of wire/control.h.
 *
 * Happy path: the request is read out of its sealed memory, completed by what the sandbox itself
 * has, and tied by a relay to the client's own descriptors.  Its end is the answer.
 * Failure modes: the guest cannot start it, an output breaks, the VM ends: FAILED with the reason.
 * The client's end cancels the command: connection_close() closes the relay.
 */
#include "sandbox/control_internal.h"

#include "api/env.h"
#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/sealed.h"
#include "base/strv.h"
#include "sandbox/relay.h"

#include <stdlib.h>

/* The descriptors of the request. */
enum { REQUEST, INPUT, OUTPUT, ERROR_OUTPUT };

static void replace_empty(char **text, const char *by)
{
	if (**text)
		return;
	free(*text);
	*text = xstrdup(by ? by : "");
}

static int complete(struct agent_exec *exec, const struct sandbox_spec *spec, struct err *err)
{
	AUTO(auto_strv) char **own = NULL;
	char **env;

	if (strv_count(exec->argv) == 0)
		return err_set(err, ERR_PROTOCOL, "exec message: no command");
	if (env_compose(spec->image_config.env, spec->env, &own, err) < 0 ||
	    env_compose(own, exec->env, &env, err) < 0)
		return -1;
	strv_free(exec->env);
	exec->env = env;
	replace_empty(&exec->user, spec->image_config.user);
	replace_empty(&exec->cwd, spec->image_config.working_dir);
	return 0;
}

static void on_ended(void *ctx, const struct session_result *result)
{
	const uint32_t code = (uint32_t)result->exit_code;
	const char *reason = result->lost ? "the sandbox has ended" : result->err.msg;
	struct control_packet answer = {CONTROL_EXITED, {.exit_code = code}};

	if (result->err.code != ERR_NONE)
		answer =
			(struct control_packet){CONTROL_FAILED, {.failed = {code, (char *)reason}}};
	connection_answer(ctx, &answer, -1);
}

static int start(struct connection *connection, const struct agent_exec *exec, struct err *err)
{
	const struct control_host *host = connection_host(connection);
	const struct relay_io io = {
		.in_fd = exec->flags & AGENT_EXEC_STDIN ? connection->fds[INPUT] : -1,
		.out_fd = connection->fds[OUTPUT],
		.err_fd = connection->fds[ERROR_OUTPUT],
	};
	struct mux *mux = sandbox_mux(host->sandbox);

	if (!mux)
		return err_set(err, ERR_UNAVAILABLE, "the sandbox has ended");

	return relay_open(host->loop, mux, exec, &io, on_ended, connection, &connection->relay,
			  err);
}

int control_exec(struct connection *connection, struct err *err)
{
	AUTO_BUF struct buf request = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	AUTO(agent_exec_done) struct agent_exec exec = {0};

	if (sealed_read(connection->fds[REQUEST], &request, "the request", err) < 0 ||
	    agent_exec_unpack((struct view){request.ptr, request.len}, &exec, err) < 0 ||
	    complete(&exec, connection_host(connection)->spec, err) < 0)
		return -1;
	return start(connection, &exec, err);
}
