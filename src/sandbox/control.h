// SPDX-License-Identifier: MIT
/*
 * The supervisor's ear for other commands (wire/control.h): a Unix socket in the sandbox's
 * directory, which only the user can enter, and only the user's processes are listened to.
 *
 * Clients may connect as soon as it is open; they are answered from control_serve() on.
 */
#pragma once

#include "base/err.h"
#include "sandbox/sandbox.h"

#include <uv.h>

struct control;
struct ports;

struct control_host { /* borrowed, must outlive it */
	uv_loop_t *loop;
	const char *state_home;
	struct sandbox *sandbox;
	struct ports *ports;
	const struct sandbox_spec *spec; /* what commands get that do not say otherwise */
};

int control_open(const struct control_host *host, struct control **ret_control, struct err *err);

/* The guest is ready. */
void control_serve(struct control *control);

/* Cancels what clients have asked for, closes their connections, removes the socket; frees itself
 * when libuv has let go.  To be called before the sandbox is closed.  NULL is allowed. */
void control_close(struct control *control);
