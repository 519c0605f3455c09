// SPDX-License-Identifier: MIT
/*
 * `matchlock template create IMAGE`: makes the templates that `run` with the same CPUs, memory and
 * disk size starts from, if they are not there.  With --background it is what `run` leaves behind:
 * quiet, of low priority, and gone after BACKGROUND_S seconds whatever happens.
 *
 * Failure modes: the image is not in the store; another process makes the same for too long; the
 * guest does not do what it is asked for.
 */
#include "cli/cmd_template_create.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "cli/host.h"
#include "image/store.h"
#include "sandbox/template_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define FIELD(member) offsetof(struct template_create_options, member)

enum { BACKGROUND_S = 30, BACKGROUND_NICE = 19, WAIT_MS = 60 * 1000 };

static const char *const accel_names[] = {"auto", "kvm", "tcg", NULL};

const struct cli_option template_create_flags[] = {
	{
		.name = "cpus",
		.metavar = "number",
		.help = "CPUs of the sandboxes that will start from it",
		.type = &cli_float,
		.offset = FIELD(spec.cpus),
	},
	{
		.name = "memory",
		.metavar = "MiB",
		.help = "their memory",
		.type = &cli_int,
		.offset = FIELD(spec.memory_mb),
	},
	{
		.name = "disk-size",
		.metavar = "MiB",
		.help = "size of their writable layer",
		.type = &cli_int,
		.offset = FIELD(spec.disk_size_mb),
	},
	{
		.name = "no-network",
		.help = "they are started with --no-network",
		.type = &cli_bool,
		.offset = FIELD(spec.no_network),
	},
	{
		.name = "accel",
		.metavar = "auto|kvm|tcg",
		.help = "how they are run; also MATCHLOCK_ACCEL",
		.type = &cli_string,
		.offset = FIELD(accel),
		.variable = "MATCHLOCK_ACCEL",
		.choices = accel_names,
	},
	{
		.name = "generic",
		.help = "only the generic template, which serves the first run of any image",
		.type = &cli_bool,
		.offset = FIELD(generic),
	},
	{
		.name = "quiet",
		.letter = 'q',
		.help = "print nothing",
		.type = &cli_bool,
		.offset = FIELD(quiet),
	},
	{
		.name = "background",
		.help = "quiet, with the lowest priority, for half a minute at most, and not if "
			"another process is at it",
		.type = &cli_bool,
		.offset = FIELD(background),
	},
	{0},
};

void template_create_options_init(void *options)
{
	struct template_create_options *create = options;

	sandbox_spec_init(&create->spec);
	create->accel = xstrdup("auto");
}

void template_create_options_done(void *options)
{
	struct template_create_options *create = options;

	sandbox_spec_done(&create->spec);
	free(create->accel);
}

static void tell(void *ctx, const char *step)
{
	(void)ctx;
	fprintf(stderr, "%s ...\n", step);
}

int cmd_template_create(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	struct template_create_options *options = cli->options;
	AUTO(auto_store) struct store *store = NULL;
	AUTO(auto_image) struct image *image = NULL;
	AUTO_FREE char *cache_home = NULL;
	bool quiet = options->quiet || options->background;
	struct template_request request = {
		.vmm = &vmm_qemu,
		.spec = &options->spec,
		.generic = options->generic,
		.wait_ms = options->background ? 0 : WAIT_MS,
		.progress = !quiet && isatty(STDERR_FILENO) ? tell : NULL,
	};
	unsigned made;

	if (options->background) {
		setpriority(PRIO_PROCESS, 0, BACKGROUND_NICE);
		alarm(BACKGROUND_S);
	}
	if (path_cache_home(&cache_home, err) < 0 ||
	    sandbox_spec_check(&options->spec, host_cpus(), err) < 0 ||
	    accel_parse(options->accel, &request.accel, err) < 0 ||
	    store_open(cache_home, &store, err) < 0 || store_find(store, argv[0], &image, err) < 0)
		return -1;
	free(options->spec.image);
	options->spec.image = xstrdup(argv[0]);
	image_config_done(&options->spec.image_config);
	image_config_copy(&image->config, &options->spec.image_config);
	request.cache_home = cache_home;
	request.layers = image->layers;
	if (template_build(&request, &made, err) < 0)
		return -1;
	if (!quiet)
		printf("%s\n", made ? "Created" : "Already there");
	return 0;
}
