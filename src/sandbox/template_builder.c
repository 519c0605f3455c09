// SPDX-License-Identifier: MIT
/*
 * The builder's command line and environment: see template_builder.h.  It is this very program; it
 * gets the variables that say where things are, and nothing else of the environment.
 */
#include "sandbox/template_builder.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "base/strv.h"

#include <stdlib.h>
#include <unistd.h>

static const char *const variables[] = {
	"HOME",
	"PATH",
	"XDG_CACHE_HOME",
	"MATCHLOCK_HOME",
	"MATCHLOCK_CACHE",
	"MATCHLOCK_KERNEL",
	"MATCHLOCK_LOG",
	"MATCHLOCK_FAULT",
};

static char **environment(void)
{
	char **env = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const char *value = getenv(variables[i]);

		if (value)
			strv_take(&env, xasprintf("%s=%s", variables[i], value));
	}
	return env;
}

static int arguments(const struct template_order *order, bool background, char ***ret_args,
		     struct err *err)
{
	char *program = NULL;
	char **args = NULL;

	if (path_program(&program, err) < 0)
		return -1;
	strv_take(&args, program);
	strv_add(&args, "template");
	strv_add(&args, "create");
	strv_add(&args, background ? "--background" : "--quiet");
	if (order->generic)
		strv_add(&args, "--generic");
	if (order->no_network)
		strv_add(&args, "--no-network");
	strv_take(&args, xasprintf("--accel=%s", order->accel));
	strv_take(&args, xasprintf("--cpus=%.17g", order->cpus));
	strv_take(&args, xasprintf("--memory=%lld", (long long)order->memory_mb));
	strv_take(&args, xasprintf("--disk-size=%lld", (long long)order->disk_size_mb));
	strv_add(&args, "--");
	strv_add(&args, order->image);
	*ret_args = args;
	return 0;
}

static int start(const struct template_order *order, bool background, struct proc *ret_proc,
		 struct err *err)
{
	AUTO(auto_strv) char **args = NULL;
	AUTO(auto_strv) char **env = environment();
	struct proc_spec spec = PROC_SPEC_INIT;

	if (arguments(order, background, &args, err) < 0)
		return -1;
	spec.argv = args;
	spec.env = env;
	spec.new_session = background;
	spec.detached = background;
	return proc_start(&spec, ret_proc, err);
}

int template_builder_start(const struct template_order *order, struct proc *ret_proc,
			   struct err *err)
{
	return start(order, false, ret_proc, err);
}

int template_builder_detach(const struct template_order *order, struct err *err)
{
	struct proc builder = PROC_INIT;

	if (start(order, true, &builder, err) < 0)
		return -1;
	close(builder.pidfd);
	return 0;
}
