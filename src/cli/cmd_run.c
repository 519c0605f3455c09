// SPDX-License-Identifier: MIT
/*
 * `matchlock run` (reference: cli-and-rpc.md 3): flags -> image -> command and environment ->
 * listeners of published ports; then this process is the sandbox's supervisor (cli/supervisor.h),
 * or with -d starts one. Failure modes: wrong flags, in the reference's order; an image that cannot
 * be had.
 */
#include "cli/cmd_run.h"

#include "base/auto.h"
#include "base/path.h"
#include "base/timings.h"
#include "cli/detach.h"
#include "cli/host.h"
#include "cli/images.h"
#include "cli/progress.h"
#include "cli/run_options.h"
#include "cli/supervisor.h"
#include "cli/timings_out.h"
#include "image/resolve.h"
#include "image/store.h"
#include "sandbox/listeners.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The image, pulled if need be: shown on a terminal, told in one line elsewhere. */
static int find_image(const struct run_options *options, const char *cache_home,
		      struct image **ret_image, struct err *err)
{
	AUTO(auto_store) struct store *store = NULL;
	AUTO(progress_done) struct progress progress = {0};
	AUTO_FREE char *size = NULL;
	const struct resolve_request request = {
		.ref = options->spec.image,
		.policy = options->pull,
		.progress = progress_update,
		.ctx = &progress,
	};
	bool pulled;

	progress_init(&progress, PROGRESS_NONE, 0);
	if (store_open(cache_home, &store, err) < 0 ||
	    resolve_image(store, &request, ret_image, &pulled, err) < 0)
		return -1;
	progress_done(&progress);
	if (!pulled)
		return 0;
	size = images_size_text((*ret_image)->size);
	fprintf(stderr, "Built rootfs from %s (%s)\n", request.ref, size);
	return 0;
}

int cmd_run(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	struct run_options *options = cli->options;
	AUTO_FREE char *cache_home = NULL;
	AUTO(auto_image) struct image *image = NULL;
	AUTO(auto_timings)
	struct timings *timings = options->timings != TIMINGS_OFF ? timings_new() : NULL;
	struct supervisor_job job = {.options = options, .timings = timings, .waiter_fd = -1};
	int status;

	timings_mark(timings, "program loaded");
	if (run_options_check(options, host_cpus(), err) < 0)
		return -1;
	if (options->interactive && options->tty && !isatty(STDIN_FILENO))
		return err_set(err, ERR_INVALID, "Error: -it requires a TTY");
	if (path_cache_home(&cache_home, err) < 0)
		return -1;
	if (find_image(options, cache_home, &image, err) < 0)
		return err_wrap(err, "building rootfs");
	if (run_options_resolve(options, argv, &image->config, err) < 0)
		return -1;
	timings_mark(timings, "image found");
	if (listeners_open(options->ports, options->port_count, &job.listeners, err) < 0)
		return -1;
	job.layers = image->layers;
	job.image_config = &image->config;
	status = options->detach ? detach(options, job.listeners, image, err)
				 : supervisor_run(&job, &cli->exit_code, err);
	listeners_close(job.listeners, options->port_count);
	return status;
}
