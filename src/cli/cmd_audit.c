// SPDX-License-Identifier: MIT
/*
 * `matchlock audit`: the records of a sandbox's network (gateway/audit.h).
 *
 * Happy path: the file is the sandbox's own, or the one of its `run --audit`, or named itself; what
 * is there is shown, and with --follow what is added, until the sandbox has ended or we get SIGINT
 * or SIGTERM (cli/follow.h).  The file is held open: the last records are shown also when it is
 * removed with its sandbox.
 * Failure modes: no such sandbox; one without a network; records that cannot be read are counted on
 * standard error.
 */
#include "cli/cmd_audit.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/path.h"
#include "cli/cmd_audit_show.h"
#include "cli/follow.h"
#include "cli/sandboxes.h"
#include "gateway/audit.h"
#include "gateway/audit_reader.h"
#include "sandbox/gc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FIELD(member) offsetof(struct audit_options, member)

const struct cli_option audit_flags[] = {
	{
		.name = "follow",
		.letter = 'f',
		.help = "go on until the sandbox ends",
		.type = &cli_bool,
		.offset = FIELD(follow),
	},
	{
		.name = "denied",
		.help = "only what was denied",
		.type = &cli_bool,
		.offset = FIELD(denied),
	},
	{
		.name = "since",
		.metavar = "duration",
		.help = "only the last of it, such as 10m",
		.type = &cli_duration,
		.offset = FIELD(since_ns),
	},
	{
		.name = "json",
		.help = "print JSON, one line a record",
		.type = &cli_bool,
		.offset = FIELD(json),
	},
	{0},
};

struct source {
	struct sandboxes sandboxes;
	struct sandbox_row row; /* id NULL: a file */
	char *path;
	int fd; /* -1: not there yet */
	uint64_t from_ms;
};

static void source_done(struct source *source)
{
	sandbox_row_done(&source->row);
	sandboxes_done(&source->sandboxes);
	free(source->path);
	auto_close_(&source->fd);
}

static uint64_t oldest_ms(int64_t since_ns)
{
	struct timespec now;
	int64_t ms;

	if (since_ns == 0)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	ms = now.tv_sec * 1000 + now.tv_nsec / 1000000 - since_ns / 1000000;
	return (uint64_t)MAX(ms, 0);
}

/* A sandbox's file is where its configuration says, or in its directory. */
static int find_path(struct source *source, struct err *err)
{
	json_t *config = json_loads(source->row.config_json, 0, NULL);
	const json_t *network = json_object_get(config, "network");
	const char *path = json_string_value(json_object_get(network, "audit"));
	AUTO_FREE char *dir = NULL;
	int status;

	if (json_is_true(json_object_get(network, "no_network"))) {
		status = err_set(err, ERR_CONFLICT, "VM %s has no network", source->row.id);
	} else {
		status = gc_directory(source->sandboxes.home, source->row.id, &dir, err);
		if (status == 0)
			source->path = path ? xstrdup(path) : path_join(dir, AUDIT_FILE);
	}
	json_decref(config);
	return status;
}

static int source_open(const char *word, struct source *source, struct err *err)
{
	if (strchr(word, '/')) {
		source->path = xstrdup(word);
	} else {
		if (sandboxes_open(&source->sandboxes, err) < 0)
			return -1;
		if (state_get(source->sandboxes.state, word, &source->row, err) < 0)
			return err->code == ERR_NOT_FOUND
				       ? err_set(err, ERR_NOT_FOUND,
						 "VM not found %.64s (what is kept of one that was "
						 "removed is in the file of \"run --audit\": name "
						 "it with a '/')",
						 word)
				       : -1;
		if (find_path(source, err) < 0)
			return -1;
	}
	source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (source->fd < 0 && !(errno == ENOENT && source->row.id))
		return err_sys(err, errno, "open '%s'", source->path);
	return 0;
}

static bool is_wanted(const struct audit_options *options, const struct source *source,
		      const json_t *record)
{
	if (options->denied && strcmp(audit_text(record, "verdict"), "deny") != 0)
		return false;
	return audit_number(record, "time_ms") >= source->from_ms;
}

static void show(const struct audit_options *options, const json_t *record, bool with_id)
{
	AUTO_FREE char *text = NULL;

	if (!options->json) {
		audit_show(record, with_id);
		return;
	}
	text = json_dumps(record, JSON_COMPACT | JSON_ENSURE_ASCII);
	puts(text ? text : "{}");
}

/* From where we are to the end of the file; 0 also when nobody reads any more. */
static int show_rest(const struct audit_options *options, const struct source *source,
		     struct audit_reader *reader, struct err *err)
{
	int more = 1;

	while (more > 0 && !ferror(stdout)) {
		json_t *record = NULL;

		more = audit_reader_next(reader, &record, err);
		if (more > 0 && is_wanted(options, source, record))
			show(options, record, !source->row.id);
		json_decref(record);
	}
	fflush(stdout);
	return more < 0 ? -1 : 0;
}

static int follow_rest(const struct audit_options *options, struct source *source,
		       struct audit_reader *reader, struct follow *follow, struct err *err)
{
	int more = 1;

	while (more > 0 && !ferror(stdout)) {
		more = follow_await(follow, err);
		if (more < 0)
			return -1;
		if (source->fd < 0)
			source->fd = open(source->path, O_RDONLY | O_CLOEXEC);
		reader->fd = source->fd;
		if (source->fd >= 0 && show_rest(options, source, reader, err) < 0)
			return -1;
	}
	return 0;
}

/* 1, or 0 when there is nothing to wait for. */
static int begin_to_follow(struct source *source, struct follow *follow, struct err *err)
{
	AUTO_FREE char *dir = xstrdup(source->path);

	*strrchr(dir, '/') = '\0';
	if (source->row.status != SANDBOX_RUNNING)
		return 0;
	if (follow_open(follow, &source->sandboxes, &source->row, *dir ? dir : "/", err) == 0)
		return 1;
	return err->code == ERR_NOT_FOUND ? 0 : -1; /* it has ended this moment */
}

static int show_all(const struct audit_options *options, struct source *source,
		    struct audit_reader *reader, struct err *err)
{
	AUTO(follow_done) struct follow follow = FOLLOW_INIT;
	int more = 0;

	if (options->follow)
		more = begin_to_follow(source, &follow, err);
	if (more < 0)
		return -1;
	if (!options->json)
		audit_show_header(!source->row.id);
	if (source->fd >= 0 && show_rest(options, source, reader, err) < 0)
		return -1;
	return more > 0 ? follow_rest(options, source, reader, &follow, err) : 0;
}

int cmd_audit(struct cli *cli, int argc ML_UNUSED, char **argv, struct err *err)
{
	const struct audit_options *options = cli->options;
	AUTO(source_done) struct source source = {.fd = -1};
	AUTO(audit_reader_done) struct audit_reader reader;
	int status;

	audit_reader_init(&reader, -1, NULL);
	if (options->since_ns < 0)
		return err_set(err, ERR_INVALID, "--since must be a time that has passed");
	source.from_ms = oldest_ms(options->since_ns);
	if (source_open(argv[0], &source, err) < 0)
		return -1;
	if (options->follow && !source.row.id)
		return err_set(err, ERR_INVALID,
			       "--follow follows a sandbox, by its id or its name");
	reader.fd = source.fd;
	reader.id = source.row.id;
	status = show_all(options, &source, &reader, err);
	if (reader.skipped > 0)
		fprintf(stderr, "%llu unreadable lines in '%s'\n",
			(unsigned long long)reader.skipped, source.path);
	return status;
}
