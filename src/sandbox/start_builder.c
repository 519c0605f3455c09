// SPDX-License-Identifier: MIT
/*
 * The templates that a start lacks (sandbox_internal.h).  A generic one is waited for, while a
 * process of its own makes it; the image's is left to a process that outlives the sandbox.
 *
 * Failure modes: a builder that cannot be started, fails or takes too long.  The start goes on
 * without: it is only slower.
 */
#include "sandbox/sandbox_internal.h"

#include "base/log.h"
#include "base/timings.h"
#include "sandbox/template_builder.h"
#include "vmm/accel.h"

enum { BUILD_TIMEOUT_MS = 120 * 1000 };

static struct template_order order_of(const struct sandbox *sandbox, bool generic)
{
	const struct sandbox_spec *spec = sandbox->request.spec;

	return (struct template_order){
		.image = spec->image,
		.generic = generic,
		.accel = accel_name(sandbox->probe.accel),
		.cpus = spec->cpus,
		.memory_mb = spec->memory_mb,
		.disk_size_mb = spec->disk_size_mb,
		.no_network = spec->no_network,
	};
}

void start_end_builder(struct sandbox *sandbox)
{
	struct start *start = &sandbox->start;

	if (!start->building)
		return;
	start->building = false;
	start->built = true;
	uv_poll_stop(&start->builder_poll); /* before its descriptor goes */
	proc_kill(&start->builder);
	uv_timer_stop(&sandbox->timer);
}

static void builder_gone(struct sandbox *sandbox)
{
	start_end_builder(sandbox);
	timings_mark(sandbox->host.timings, "template made");
	start_go_on(sandbox);
}

static void on_builder_exit(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	builder_gone(poll->data);
}

static void on_builder_deadline(uv_timer_t *timer)
{
	builder_gone(timer->data);
}

/* Who makes a generic template knows the image's own disks only; with the user's the machine may be
 * the larger one. */
static bool builder_makes_ours(const struct sandbox *sandbox)
{
	size_t own = sandbox->disks.count - sandbox->request.spec->disk_count;

	return vm_slots(own + 1) == vm_slots(sandbox->disks.count + 1);
}

bool start_await_generic(struct sandbox *sandbox)
{
	const struct template_order order = order_of(sandbox, true);
	struct start *start = &sandbox->start;
	struct err err;

	if (!*start->keys[START_GENERIC] || sandbox->request.no_template_build ||
	    !builder_makes_ours(sandbox))
		return false;
	if (template_builder_start(&order, &start->builder, &err) < 0) {
		log_warn("sandbox", "templates: %s", err.msg);
		return false;
	}
	if (uv_poll_init(sandbox->host.loop, &start->builder_poll, start->builder.pidfd) < 0) {
		proc_kill(&start->builder);
		return false;
	}
	sandbox->handles++;
	start->builder_poll.data = sandbox;
	start->building = true;
	sandbox_fault_point(sandbox, "template");
	uv_poll_start(&start->builder_poll, UV_READABLE, on_builder_exit);
	uv_timer_start(&sandbox->timer, on_builder_deadline, BUILD_TIMEOUT_MS, 0);
	if (sandbox->owner.preparing)
		sandbox->owner.preparing(sandbox->owner.ctx);
	return true;
}

void start_build_template(struct sandbox *sandbox)
{
	const struct template_order order = order_of(sandbox, false);
	struct err err;

	if (sandbox->ready && sandbox->start.level != START_IMAGE &&
	    *sandbox->start.keys[START_IMAGE] && !sandbox->request.no_template_build &&
	    template_builder_detach(&order, &err) < 0)
		log_warn("sandbox", "templates: %s", err.msg);
}
