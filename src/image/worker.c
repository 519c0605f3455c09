// SPDX-License-Identifier: MIT
/*
 * The user's side of the image worker: see worker.h.
 *
 * Happy path: the job is put together from the reference, the user's registries.json, credentials
 * and proxy variables; the worker is started in its jail (worker_jail.h) with its socket and the
 * blobs folder, gets the job, and its messages are read until `done` or `error`.
 *
 * Failure modes: the worker's error is ours.  A worker that breaks the protocol is killed; one that
 * dies is told with how.  Giving up closes the socket, which the worker obeys by removing its
 * temporary files; after a second it is killed.
 */
#include "image/worker.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/proc.h"
#include "image/auth.h"
#include "image/registries.h"
#include "image/store_internal.h"
#include "image/worker_jail.h"
#include "image/worker_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TICK_MS = 200, END_MS = 1000 };

struct worker {
	struct store *store;
	const struct pull_request *request; /* for its progress; NULL of an import */
	struct registries registries;
	const struct registry_settings *settings; /* of the registry that is asked, or NULL */
	struct proc proc;
	int sock;
	struct worker_lines lines;
};

/* --- the job --- */

static void add_registry(struct worker_job *job, const char *host, char *repository, bool plain)
{
	struct worker_registry *registry = &job->registries[job->registry_count];

	if (job->registry_count == WORKER_REGISTRIES_MAX) {
		free(repository);
		return;
	}
	registry->host = xstrdup(host);
	registry->repository = repository;
	registry->plain_http = plain;
	job->registry_count++;
}

/* "https://mirror.example/hub": asked for repository "hub/NAME". */
static void add_mirror(struct worker_job *job, const char *mirror, const char *repository)
{
	const char *rest = strstr(mirror, "://");
	const char *host = rest ? rest + 3 : mirror;
	const char *slash = strchr(host, '/');
	AUTO_FREE char *name = slash ? xstrndup(host, (size_t)(slash - host)) : xstrdup(host);

	add_registry(job, name,
		     slash ? xasprintf("%s/%s", slash + 1, repository) : xstrdup(repository),
		     strncmp(mirror, "http://", 7) == 0);
}

/* Docker Hub's name is not that of its server. */
static const char *server_of(const char *registry)
{
	return strcmp(registry, "index.docker.io") == 0 ? "registry-1.docker.io" : registry;
}

static void add_registries(struct worker_job *job, const struct reference *reference,
			   const struct registry_settings *settings)
{
	bool plain = reference_is_loopback(reference);

	for (char **mirror = settings ? settings->mirrors : NULL; mirror && *mirror; mirror++) {
		if (job->registry_count < WORKER_REGISTRIES_MAX - 1)
			add_mirror(job, *mirror, reference->repository);
	}
	plain = plain || (settings && settings->plain_http);
	add_registry(job, server_of(reference->registry), xstrdup(reference->repository), plain);
}

/* Credentials are looked up by the names that people logged in with. */
static int add_credentials(struct worker_job *job, const struct reference *reference,
			   struct err *err)
{
	for (size_t i = 0; i < job->registry_count; i++) {
		struct worker_registry *registry = &job->registries[i];
		bool is_last = i == job->registry_count - 1;
		struct credentials found = {0};

		if (auth_find(is_last ? reference->registry : registry->host, registry->repository,
			      &found, err) < 0)
			return -1;
		registry->username = STEAL(found.username);
		registry->password = STEAL(found.password);
		registry->identity_token = STEAL(found.identity_token);
	}
	return 0;
}

/* The variable by its lower-case or upper-case name, malloc'ed, or NULL. */
static char *environment(const char *lower, const char *upper)
{
	const char *value = getenv(lower);

	if (!value || !*value)
		value = getenv(upper);
	return value && *value ? xstrdup(value) : NULL;
}

/* A proxy as libcurl should have it: with the port that other programs take when none is named. */
static char *proxy(const char *lower, const char *upper)
{
	AUTO_FREE char *url = environment(lower, upper);
	const char *host = url ? strstr(url, "://") : NULL, *at;
	const char *port = "80";

	if (!url)
		return NULL;
	if (strncasecmp(url, "https://", 8) == 0)
		port = "443";
	if (strncasecmp(url, "socks", 5) == 0)
		port = "1080";
	host = host ? host + 3 : url;
	url[host - url + (long)strcspn(host, "/")] = '\0';
	at = strrchr(host, '@');
	host = at ? at + 1 : host;
	if (strchr(*host == '[' ? host + strcspn(host, "]") : host, ':'))
		return STEAL(url);
	return xasprintf("%s:%s", url, port);
}

static int make_job(struct worker_job *job, const char *platform, uint64_t max_size,
		    struct err *err)
{
	job->max_size = max_size ? max_size : LIMIT_IMAGE_UNPACKED;
	return platform_parse(platform, &job->platform, err);
}

static int make_pull(struct worker *worker, struct worker_job *job, struct err *err)
{
	const struct pull_request *request = worker->request;
	const struct reference *reference = request->reference;

	if (registries_load(&worker->registries, err) < 0)
		return -1;
	worker->settings = registries_find(&worker->registries, reference->registry);
	job->ref = xstrdup(reference->digest ? reference->digest : reference->tag);
	job->http_proxy = proxy("http_proxy", "HTTP_PROXY");
	job->https_proxy = proxy("https_proxy", "HTTPS_PROXY");
	job->no_proxy = environment("no_proxy", "NO_PROXY");
	job->ca_file = worker->settings && worker->settings->ca
			       ? xstrdup(worker->settings->ca)
			       : environment("SSL_CERT_FILE", "SSL_CERT_FILE");
	if (make_job(job, request->platform, request->max_size, err) < 0)
		return -1;
	add_registries(job, reference, worker->settings);
	return add_credentials(job, reference, err);
}

/* --- the process --- */

/* The port that a "[SCHEME://[USER@]]HOST[:PORT]" names. */
static void allow_port(struct worker_jail *jail, const char *address)
{
	const char *colon = address ? strrchr(address, ':') : NULL;
	unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;

	if (port > 0 && port < 65536)
		worker_jail_add_port(jail, (uint16_t)port);
}

static int start(struct worker *worker, const struct worker_job *job, int input, struct err *err)
{
	AUTO_FREE char *program = NULL, *blobs_path = path_join(worker->store->dir, "blobs");
	AUTO_FD int blobs = open(blobs_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), peer = -1;
	struct proc_spec spec = PROC_SPEC_INIT;
	struct worker_jail jail;
	int pair[2];

	if (blobs < 0)
		return err_sys(err, errno, "open '%s'", blobs_path);
	if (path_helper("image-worker", &program, err) < 0 || fd_socketpair(pair, err) < 0)
		return -1;
	worker->sock = pair[0];
	peer = pair[1];
	worker_jail_init(&jail, program, blobs_path, job->ca_file);
	allow_port(&jail, job->http_proxy);
	allow_port(&jail, job->https_proxy);
	for (size_t i = 0; i < job->registry_count; i++)
		allow_port(&jail, job->registries[i].host);
	for (size_t i = 0; worker->settings && i < worker->settings->port_count; i++)
		worker_jail_add_port(&jail, worker->settings->ports[i]);
	worker_jail_use(&jail, &spec);
	spec.argv = (char *[]){program, NULL};
	spec.new_session = true; /* Ctrl-C ends us, and then it has to clean up */
	spec.fds = (int[]){peer, blobs, input};
	spec.fd_count = input < 0 ? 2 : 3;
	return proc_start(&spec, &worker->proc, err);
}

static void worker_end(struct worker *worker)
{
	struct err ignored;
	int status;

	if (worker->sock >= 0)
		close(worker->sock);
	if (worker->proc.pid > 0)
		(void)proc_wait(&worker->proc, END_MS, &status, &ignored);
	proc_kill(&worker->proc);
	worker_lines_done(&worker->lines);
	registries_done(&worker->registries);
}

/* The socket ended without a result. */
static int explain_end(struct worker *worker, struct err *err)
{
	char how[64] = "ended";
	int status;

	if (proc_wait(&worker->proc, END_MS, &status, err) == 0)
		proc_describe(status, how, sizeof(how));
	return err_set(err, ERR_INTERNAL, "the image worker gave up: %s", how);
}

/* --- its messages --- */

static int tell(const struct worker *worker, const struct pull_progress *progress, struct err *err)
{
	const struct pull_request *request = worker->request;

	if (!request || !request->progress || request->progress(request->ctx, progress))
		return 0;
	return err_set(err, ERR_CANCELLED, "interrupted");
}

/* 1 at the result, 0 to go on, -1. */
static int handle(struct worker *worker, struct worker_message *message, struct pulled *ret_pulled,
		  struct err *err)
{
	switch (message->type) {
	case WORKER_PROGRESS:
		return tell(worker, &message->progress, err);
	case WORKER_DONE:
		*ret_pulled = message->pulled;
		message->pulled = (struct pulled){0};
		return 1;
	case WORKER_ERROR:
		break;
	}
	*err = message->error;
	return -1;
}

/* Waits until there is something to read, asking every now and then whether to go on. */
static int wait_for_news(const struct worker *worker, struct err *err)
{
	static const struct pull_progress none = {0};
	struct pollfd news = {.fd = worker->sock, .events = POLLIN};
	int ready;

	while ((ready = poll(&news, 1, TICK_MS)) <= 0) {
		if (ready < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for the image worker");
		if (tell(worker, &none, err) < 0)
			return -1;
	}
	return 0;
}

/* The next message, asking every now and then whether to go on. */
static int next_message(struct worker *worker, struct worker_message *message, struct err *err)
{
	json_t *object = NULL;
	int rc;

	while ((rc = worker_next(&worker->lines, &object, err)) == 0) {
		if (wait_for_news(worker, err) < 0)
			return -1;
		rc = worker_fill(&worker->lines, err);
		if (rc <= 0)
			return rc < 0 ? -1 : explain_end(worker, err);
	}
	if (rc > 0)
		rc = worker_message_from_json(object, message, err);
	json_decref(object);
	return rc;
}

static int converse(struct worker *worker, struct pulled *ret_pulled, struct err *err)
{
	for (;;) {
		AUTO(worker_message_done) struct worker_message message = {0};
		int rc = next_message(worker, &message, err);

		if (rc == 0)
			rc = handle(worker, &message, ret_pulled, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
}

static int run_worker(struct worker *worker, const struct worker_job *job, int input,
		      struct pulled *ret_pulled, struct err *err)
{
	if (start(worker, job, input, err) < 0 ||
	    worker_send(worker->sock, worker_job_to_json(job), err) < 0)
		return -1;
	worker_lines_init(&worker->lines, worker->sock);
	return converse(worker, ret_pulled, err);
}

int worker_pull(struct store *store, const struct pull_request *request, struct pulled *ret_pulled,
		struct err *err)
{
	AUTO(worker_end)
	struct worker worker = {.store = store,
				.request = request,
				.proc = PROC_INIT,
				.sock = -1,
				.lines = {.in = BUF_INIT(0)}};
	AUTO(worker_job_done) struct worker_job job = {0};

	if (make_pull(&worker, &job, err) < 0 || run_worker(&worker, &job, -1, ret_pulled, err) < 0)
		return err_wrap(err, "pull image");
	return 0;
}

int worker_import(struct store *store, int fd, uint64_t max_size, struct pulled *ret_pulled,
		  struct err *err)
{
	AUTO(worker_end)
	struct worker worker = {
		.store = store, .proc = PROC_INIT, .sock = -1, .lines = {.in = BUF_INIT(0)}};
	AUTO(worker_job_done) struct worker_job job = {.import = true};

	if (make_job(&job, NULL, max_size, err) < 0)
		return -1;
	return run_worker(&worker, &job, fd, ret_pulled, err);
}
