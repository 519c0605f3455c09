// SPDX-License-Identifier: MIT
/*
 * The lines between the user's process and the image worker: see worker_protocol.h.
 *
 * Writing is plain.  Reading trusts neither side: a line is bounded, must be one object, members
 * must have their type, digests their form; anything else is ERR_PROTOCOL with the member's name.
 */
#include "image/worker_protocol.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* --- pieces --- */

static void set_text(json_t *object, const char *name, const char *text)
{
	if (text && *text)
		json_object_set_new(object, name, json_string_nocheck(text));
}

static int bad(const char *name, struct err *err)
{
	return err_set(err, ERR_PROTOCOL, "image worker: bad member '%s'", name);
}

/* A text member, malloc'ed; NULL where it is missing, or empty, which is the same. */
static int get_text(json_t *object, const char *name, char **ret_text, struct err *err)
{
	json_t *value = json_object_get(object, name);

	if (!value)
		return 0;
	if (!json_is_string(value))
		return bad(name, err);
	if (json_string_length(value) > 0)
		*ret_text = xstrdup(json_string_value(value));
	return 0;
}

static int get_number(json_t *object, const char *name, uint64_t *ret_number, struct err *err)
{
	json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return bad(name, err);
	*ret_number = (uint64_t)json_integer_value(value);
	return 0;
}

static int get_digest(json_t *object, const char *name, char ret_digest[DIGEST_TEXT_SIZE],
		      struct err *err)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (!text || !digest_is_valid(text))
		return bad(name, err);
	memcpy(ret_digest, text, DIGEST_TEXT_SIZE);
	return 0;
}

struct text_member {
	const char *name;
	size_t offset; /* of its char * */
};

static void set_texts(json_t *object, const void *base, const struct text_member *members)
{
	for (; members->name; members++)
		set_text(object, members->name,
			 *(char *const *)(const void *)((const char *)base + members->offset));
}

static int get_texts(json_t *object, void *base, const struct text_member *members, struct err *err)
{
	for (; members->name; members++) {
		if (get_text(object, members->name,
			     (char **)(void *)((char *)base + members->offset), err) < 0)
			return -1;
	}
	return 0;
}

static void free_texts(void *base, const struct text_member *members)
{
	for (; members->name; members++)
		free(*(char **)(void *)((char *)base + members->offset));
}

/* --- the job --- */

static const struct text_member job_texts[] = {
	{"ref", offsetof(struct worker_job, ref)},
	{"http_proxy", offsetof(struct worker_job, http_proxy)},
	{"https_proxy", offsetof(struct worker_job, https_proxy)},
	{"no_proxy", offsetof(struct worker_job, no_proxy)},
	{"ca_file", offsetof(struct worker_job, ca_file)},
	{0},
};

static const struct text_member platform_texts[] = {
	{"os", offsetof(struct platform, os)},
	{"architecture", offsetof(struct platform, architecture)},
	{"variant", offsetof(struct platform, variant)},
	{0},
};

static const struct text_member registry_texts[] = {
	{"host", offsetof(struct worker_registry, host)},
	{"repository", offsetof(struct worker_registry, repository)},
	{"username", offsetof(struct worker_registry, username)},
	{"password", offsetof(struct worker_registry, password)},
	{"identity_token", offsetof(struct worker_registry, identity_token)},
	{0},
};

json_t *worker_job_to_json(const struct worker_job *job)
{
	json_t *object = json_object(), *platform = json_object(), *registries = json_array();

	json_object_set_new(object, "job", json_string(job->import ? "import" : "pull"));
	json_object_set_new(object, "max_size", json_integer((json_int_t)job->max_size));
	set_texts(platform, &job->platform, platform_texts);
	json_object_set_new(object, "platform", platform);
	set_texts(object, job, job_texts);
	for (size_t i = 0; i < job->registry_count; i++) {
		json_t *registry = json_object();

		set_texts(registry, &job->registries[i], registry_texts);
		json_object_set_new(registry, "plain_http",
				    json_boolean(job->registries[i].plain_http));
		json_array_append_new(registries, registry);
	}
	json_object_set_new(object, "registries", registries);
	return object;
}

static int read_registry(json_t *object, struct worker_registry *registry, struct err *err)
{
	registry->plain_http = json_is_true(json_object_get(object, "plain_http"));
	if (get_texts(object, registry, registry_texts, err) < 0)
		return -1;
	return registry->host && registry->repository ? 0 : bad("registries", err);
}

static int read_job(json_t *object, struct worker_job *job, struct err *err)
{
	json_t *registries = json_object_get(object, "registries");
	const char *kind = json_string_value(json_object_get(object, "job"));
	json_t *platform = json_object_get(object, "platform");

	if (!kind || (strcmp(kind, "pull") != 0 && strcmp(kind, "import") != 0))
		return bad("job", err);
	job->import = strcmp(kind, "import") == 0;
	if (get_number(object, "max_size", &job->max_size, err) < 0 ||
	    get_texts(object, job, job_texts, err) < 0 ||
	    get_texts(platform, &job->platform, platform_texts, err) < 0)
		return -1;
	if (!job->platform.os || !job->platform.architecture)
		return bad("platform", err);
	if (!job->platform.variant)
		job->platform.variant = xstrdup("");
	if (json_array_size(registries) > WORKER_REGISTRIES_MAX)
		return bad("registries", err);
	for (; job->registry_count < json_array_size(registries); job->registry_count++) {
		if (read_registry(json_array_get(registries, job->registry_count),
				  &job->registries[job->registry_count], err) < 0) {
			job->registry_count++;
			return -1;
		}
	}
	if (!job->import && (!job->ref || !job->registry_count))
		return bad("ref", err);
	return 0;
}

int worker_job_from_json(json_t *object, struct worker_job *ret_job, struct err *err)
{
	AUTO(worker_job_done) struct worker_job job = {0};

	if (read_job(object, &job, err) < 0)
		return -1;
	*ret_job = job;
	job = (struct worker_job){0};
	return 0;
}

void worker_job_done(struct worker_job *job)
{
	free_texts(job, job_texts);
	free_texts(&job->platform, platform_texts);
	for (size_t i = 0; i < job->registry_count; i++)
		free_texts(&job->registries[i], registry_texts);
	*job = (struct worker_job){0};
}

/* --- what the worker says --- */

static json_t *wrapped(const char *name, json_t *content)
{
	json_t *object = json_object();

	json_object_set_new(object, name, content);
	return object;
}

json_t *worker_progress_to_json(const struct pull_progress *progress)
{
	json_t *object = json_object();

	json_object_set_new(object, "layer", json_integer((json_int_t)progress->layer));
	json_object_set_new(object, "count", json_integer((json_int_t)progress->layer_count));
	set_text(object, "digest", progress->digest);
	json_object_set_new(object, "done", json_integer((json_int_t)progress->done));
	json_object_set_new(object, "total", json_integer((json_int_t)progress->total));
	json_object_set_new(object, "cached", json_boolean(progress->cached));
	json_object_set_new(object, "finished", json_boolean(progress->finished));
	return wrapped("progress", object);
}

json_t *worker_error_to_json(const struct err *err)
{
	json_t *object = json_object();

	set_text(object, "code", err_name(err->code));
	set_text(object, "message", err->msg);
	return wrapped("error", object);
}

json_t *worker_pulled_to_json(const struct pulled *pulled)
{
	json_t *object = json_object(), *layers = json_array();

	set_text(object, "digest", pulled->digest);
	json_object_set_new(object, "config", image_config_to_json(&pulled->config));
	for (size_t i = 0; i < pulled->layer_count; i++) {
		json_t *layer = json_object();

		set_text(layer, "digest", pulled->layers[i].digest);
		set_text(layer, "blob", pulled->layers[i].blob);
		json_array_append_new(layers, layer);
	}
	json_object_set_new(object, "layers", layers);
	return wrapped("done", object);
}

void pulled_done(struct pulled *pulled)
{
	image_config_done(&pulled->config);
	free(pulled->layers);
	*pulled = (struct pulled){0};
}

static int read_progress(json_t *object, struct worker_message *message, struct err *err)
{
	struct pull_progress *progress = &message->progress;
	uint64_t layer, count;

	if (get_number(object, "layer", &layer, err) < 0 ||
	    get_number(object, "count", &count, err) < 0 ||
	    get_number(object, "done", &progress->done, err) < 0 ||
	    get_number(object, "total", &progress->total, err) < 0 ||
	    get_digest(object, "digest", message->digest, err) < 0)
		return -1;
	if (count > LIMIT_IMAGE_LAYERS || layer >= count)
		return bad("layer", err);
	progress->layer = layer;
	progress->layer_count = count;
	progress->cached = json_is_true(json_object_get(object, "cached"));
	progress->finished = json_is_true(json_object_get(object, "finished"));
	return 0;
}

static int read_pulled(json_t *object, struct pulled *pulled, struct err *err)
{
	json_t *layers = json_object_get(object, "layers");
	size_t count = json_array_size(layers);

	if (get_digest(object, "digest", pulled->digest, err) < 0)
		return -1;
	if (count == 0 || count > LIMIT_IMAGE_LAYERS)
		return bad("layers", err);
	pulled->layers = xcalloc(count, sizeof(*pulled->layers));
	pulled->layer_count = count;
	for (size_t i = 0; i < count; i++) {
		json_t *layer = json_array_get(layers, i);

		if (get_digest(layer, "digest", pulled->layers[i].digest, err) < 0 ||
		    get_digest(layer, "blob", pulled->layers[i].blob, err) < 0)
			return -1;
	}
	return image_config_from_json(json_object_get(object, "config"), &pulled->config, err);
}

static int read_error(json_t *object, struct err *ret_error, struct err *err)
{
	const char *code = json_string_value(json_object_get(object, "code"));
	const char *message = json_string_value(json_object_get(object, "message"));

	for (int i = 1; i < ERR_CODE_COUNT && code && message; i++) {
		if (strcmp(code, err_name((enum err_code)i)) != 0)
			continue;
		err_set_(ret_error, (enum err_code)i, "%s", message);
		for (char *p = ret_error->msg; *p; p++) {
			if ((unsigned char)*p < ' ' || *p == '\x7f')
				*p = '?'; /* the terminal is not the worker's */
		}
		return 0;
	}
	return bad("error", err);
}

static int read_message(json_t *object, struct worker_message *message, struct err *err)
{
	json_t *content;

	if ((content = json_object_get(object, "progress"))) {
		message->type = WORKER_PROGRESS;
		return read_progress(content, message, err);
	}
	if ((content = json_object_get(object, "done"))) {
		message->type = WORKER_DONE;
		return read_pulled(content, &message->pulled, err);
	}
	message->type = WORKER_ERROR;
	return read_error(json_object_get(object, "error"), &message->error, err);
}

int worker_message_from_json(json_t *object, struct worker_message *ret_message, struct err *err)
{
	AUTO(worker_message_done) struct worker_message message = {0};

	if (read_message(object, &message, err) < 0)
		return -1;
	*ret_message = message;
	ret_message->progress.digest = ret_message->digest;
	message.pulled = (struct pulled){0};
	return 0;
}

void worker_message_done(struct worker_message *message)
{
	pulled_done(&message->pulled);
}

/* --- lines --- */

int worker_send(int sock, json_t *object, struct err *err)
{
	AUTO_FREE char *text = json_dumps(object, JSON_COMPACT);
	AUTO_FREE char *line = NULL;
	size_t len, sent = 0;

	json_decref(object);
	if (!text)
		return err_set(err, ERR_INTERNAL, "image worker: message is not UTF-8");
	line = xasprintf("%s\n", text);
	len = strlen(line);
	while (sent < len) {
		ssize_t put = send(sock, line + sent, len - sent, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && (errno == EPIPE || errno == ECONNRESET))
			return err_set(err, ERR_CANCELLED, "image worker: the other side is gone");
		if (put < 0)
			return err_sys(err, errno, "image worker: send");
		sent += (size_t)put;
	}
	return 0;
}

void worker_lines_init(struct worker_lines *lines, int sock)
{
	*lines = (struct worker_lines){.sock = sock, .in = BUF_INIT(LIMIT_WORKER_LINE)};
}

void worker_lines_done(struct worker_lines *lines)
{
	buf_done(&lines->in);
}

int worker_next(struct worker_lines *lines, json_t **ret_object, struct err *err)
{
	char *end = memchr(lines->in.ptr, '\n', lines->in.len);
	size_t len = end ? (size_t)(end - lines->in.ptr) : 0;
	json_t *object;

	if (!end)
		return 0;
	object = json_loadb(lines->in.ptr, len, JSON_REJECT_DUPLICATES, NULL);
	buf_consume(&lines->in, len + 1);
	if (json_is_object(object)) {
		*ret_object = object;
		return 1;
	}
	json_decref(object);
	return err_set(err, ERR_PROTOCOL, "image worker: a line is no JSON object");
}

int worker_fill(struct worker_lines *lines, struct err *err)
{
	char bytes[16384];
	ssize_t got;

	do
		got = recv(lines->sock, bytes, sizeof(bytes), 0);
	while (got < 0 && errno == EINTR);
	if (got == 0 || (got < 0 && errno == ECONNRESET))
		return 0;
	if (got < 0)
		return err_sys(err, errno, "image worker: receive");
	buf_put(&lines->in, bytes, (size_t)got);
	return buf_check(&lines->in, "image worker: a line", err) < 0 ? -1 : 1;
}
