// SPDX-License-Identifier: MIT
/*
 * What `run` makes of its flags: see run_options.h.  Nothing here starts anything; the order of the
 * checks is the reference's, so that of several errors the same one is told.
 */
#include "cli/run_options.h"

#include "api/add_host.h"
#include "api/env.h"
#include "api/quote.h"
#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "base/strv.h"
#include "base/text.h"
#include "cli/run_network.h"
#include "state/volume.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int run_options_check(struct run_options *options, unsigned host_cpus, struct err *err)
{
	if (options->detach && (options->tty || options->interactive))
		return err_set(err, ERR_INVALID,
			       "--detach cannot be combined with -t/--tty or -i/--interactive");
	if (sandbox_spec_check(&options->spec, host_cpus, err) < 0 ||
	    run_network_read(options, err) < 0)
		return -1;
	if (options->timeout_set &&
	    (options->spec.timeout_s <= 0 || options->spec.timeout_s > RUN_TIMEOUT_S_MAX))
		return err_set(err, ERR_INVALID, "--timeout must be 1 to %d (seconds), not %lld",
			       RUN_TIMEOUT_S_MAX, (long long)options->spec.timeout_s);
	if (options->graceful_shutdown_ns < 0 ||
	    options->graceful_shutdown_ns > RUN_GRACE_S_MAX * INT64_C(1000000000))
		return err_set(err, ERR_INVALID, "--graceful-shutdown must be 0s to %dh",
			       RUN_GRACE_S_MAX / 3600);
	return 0;
}

static void replace(char **text, const char *by)
{
	free(*text);
	*text = xstrdup(by);
}

static void add_all(char ***list, char *const *words)
{
	for (size_t i = 0; words && words[i]; i++)
		strv_add(list, words[i]);
}

/* The image's config with the run's own user, directory and entrypoint. */
static void override_image(struct run_options *options, const struct image_config *image)
{
	struct image_config *config = &options->spec.image_config;

	image_config_done(config);
	image_config_copy(image, config);
	if (*options->user)
		replace(&config->user, options->user);
	if (*options->workdir)
		replace(&config->working_dir, options->workdir);
	if (options->entrypoint_set) {
		strv_free(STEAL(config->entrypoint));
		if (*options->entrypoint)
			strv_add(&config->entrypoint, options->entrypoint);
	}
}

/* Entrypoint, then the operands or else the image's own command. */
static int compose_command(struct run_options *options, char *const *words, struct err *err)
{
	const struct image_config *config = &options->spec.image_config;

	strv_free(STEAL(options->words));
	add_all(&options->words, config->entrypoint);
	add_all(&options->words, words && words[0] ? words : config->cmd);
	if (!options->words && options->interactive && options->tty)
		strv_add(&options->words, "sh");
	if (!options->words && options->rm)
		return err_set(err, ERR_INVALID,
			       "command required (or use --rm=false to start without a command)");
	free(STEAL(options->command));
	return quote_command(options->words, &options->command, err);
}

static int find_volume(const char *name, char **ret_path, struct err *err)
{
	AUTO_FREE char *cache_home = NULL;

	if (path_cache_home(&cache_home, err) < 0)
		return -1;
	if (!*name)
		return err_set(err, ERR_INVALID, "volume name is required after '@'");
	return volume_find(cache_home, name, ret_path, err);
}

/* A path of the user's, or a volume's by its name. */
static int find_disk(const char *source, char **ret_path, struct err *err)
{
	AUTO_FREE char *place = source[0] == '/' ? NULL : getcwd(NULL, 0);
	AUTO_FREE char *path = place ? path_join(place, source) : xstrdup(source);

	if (source[0] == '@')
		return find_volume(source + 1, ret_path, err);
	if (access(path, F_OK) < 0)
		return err_set(err, ERR_NOT_FOUND, "host path does not exist: %s", path);
	*ret_path = STEAL(path);
	return 0;
}

static int add_disk(struct sandbox_spec *spec, const char *text, struct err *err)
{
	AUTO(disk_mount_done) struct disk_mount mount = {0};
	char *path;

	if (disk_mount_parse(text, &mount, err) < 0 || find_disk(mount.host_path, &path, err) < 0)
		return -1;
	free(mount.host_path);
	mount.host_path = path;
	sandbox_spec_add_disk(spec, &mount);
	return 0;
}

static int add_disks(struct run_options *options, struct err *err)
{
	struct sandbox_spec *spec = &options->spec;

	for (size_t i = 0; options->disk && options->disk[i]; i++) {
		AUTO_FREE char *shown = text_quoted(options->disk[i]);

		if (add_disk(spec, options->disk[i], err) < 0)
			return err_wrap(err, "invalid disk mount %s", shown);
	}
	if (disk_mounts_order(spec->disks, spec->disk_count, err) < 0)
		return err_wrap(err, "invalid disk mount");
	return 0;
}

static int read_env(struct run_options *options, struct err *err)
{
	for (size_t i = 0; options->env_file && options->env_file[i]; i++) {
		if (env_add_file(&options->spec.env, options->env_file[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; options->env && options->env[i]; i++) {
		if (env_add(&options->spec.env, options->env[i], err) < 0)
			return -1;
	}
	strv_free(STEAL(options->environment));
	return env_compose(options->spec.image_config.env, options->spec.env, &options->environment,
			   err);
}

static int map_hosts(struct run_options *options, struct err *err)
{
	for (size_t i = 0; options->add_host && options->add_host[i]; i++) {
		char *mapping;

		if (add_host_parse(options->add_host[i], &mapping, err) < 0)
			return -1;
		strv_take(&options->spec.add_hosts, mapping);
	}
	return 0;
}

static int add_labels(struct run_options *options, struct err *err)
{
	for (size_t i = 0; options->label && options->label[i]; i++) {
		if (sandbox_spec_add_label(&options->spec, options->label[i], err) < 0)
			return -1;
	}
	return 0;
}

static int read_ports(struct run_options *options, struct err *err)
{
	free(STEAL(options->ports));
	return port_mappings_parse(options->publish, options->address, &options->ports,
				   &options->port_count, err);
}

static int read_template_build(struct run_options *options, struct err *err)
{
	static const char name[] = "MATCHLOCK_TEMPLATE_BUILD";
	const char *value = getenv(name);
	bool build = true;

	if (value && *value && text_to_bool(value, &build, err) < 0)
		return err_wrap(err, "%s in the environment", name);
	options->no_template_build |= !build;
	return 0;
}

int run_options_resolve(struct run_options *options, char *const *words,
			const struct image_config *image, struct err *err)
{
	if (options->detach && !options->rm_set)
		options->rm = false;
	override_image(options, image);
	if (read_template_build(options, err) < 0)
		return -1;
	if (compose_command(options, words, err) < 0 || add_disks(options, err) < 0)
		return -1;
	if (read_env(options, err) < 0)
		return err_wrap(err, "invalid environment variable");
	if (map_hosts(options, err) < 0)
		return err_wrap(err, "invalid add-host mapping");
	if (read_ports(options, err) < 0)
		return -1;
	if (add_labels(options, err) < 0)
		return err_wrap(err, "invalid label");
	return 0;
}
