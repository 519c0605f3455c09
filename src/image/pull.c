// SPDX-License-Identifier: MIT
/*
 * A pull: see pull.h.
 *
 * Happy path: the first registry of the job that has the reference gives the manifest, by way of an
 * index the one of the platform, and its config names the diff ids.  Then up to three threads take
 * one layer after the other, base first.  A layer whose blob exists is not fetched; the bytes of
 * another run through image/layer.h into the file, and only when its digest, its size and its diff
 * id are those of the manifest and the config does it get its name.
 *
 * Failure modes: a thread that fails keeps the first error and stops the others at their next
 * bytes; their files are removed.
 */
#include "image/pull.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/strv.h"
#include "image/blobs.h"
#include "image/layer.h"
#include "image/layer_order.h"
#include "image/registry.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum {
	THREADS_MAX = 3,
	THREAD_STACK = 1024 * 1024,
	REPORT_MS = 100, /* between two reports of a layer */
	CONNECT_MS = 30000,
	STALL_MS = 30000,
	BACKOFF_MS = 1000,
};

struct pull {
	const struct worker_job *job;
	const struct pull_sink *sink;
	struct http_config http_config;
	struct registry_config registry_config;
	struct registry *registry;
	struct manifest manifest;
	bool is_chosen; /* of an index, for its platform */
	char **diff_ids;
	struct layer_order *order;
	struct pulled *pulled; /* its layers are their threads' until these are finished */

	pthread_mutex_t lock; /* for what follows and for sink->report */
	size_t next;	      /* layer to be taken */
	uint64_t unpacked;    /* bytes of tar so far */
	bool failed;
	struct err first; /* error */
};

/* One layer on its way, of one thread. */
struct transfer {
	struct pull *pull;
	struct layer *layer;
	struct pull_progress progress;
	uint64_t reported_ms;
};

static void pull_done(struct pull *pull)
{
	registry_free(pull->registry);
	layer_order_free(pull->order);
	manifest_done(&pull->manifest);
	strv_free(pull->diff_ids);
	pthread_mutex_destroy(&pull->lock);
}

static int report(struct transfer *transfer, struct err *err)
{
	struct pull *pull = transfer->pull;
	int rc;

	transfer->reported_ms = clock_monotonic_ms();
	pthread_mutex_lock(&pull->lock);
	rc = pull->failed ? err_set(err, ERR_CANCELLED, "another layer has failed")
			  : pull->sink->report(pull->sink->ctx, &transfer->progress, err);
	pthread_mutex_unlock(&pull->lock);
	return rc;
}

/* The sink of a layer's bytes. */
static int take_bytes(void *ctx, const void *bytes, size_t len, struct err *err)
{
	struct transfer *transfer = ctx;

	transfer->progress.done += len;
	if (clock_monotonic_ms() - transfer->reported_ms >= REPORT_MS && report(transfer, err) < 0)
		return -1;
	return layer_write(transfer->layer, bytes, len, err);
}

static int check_layer(struct pull *pull, size_t index, const struct layer_result *result,
		       struct err *err)
{
	const struct descriptor *item = &pull->manifest.items[index];
	uint64_t total;

	if (strcmp(result->digest, item->digest) != 0)
		return err_set(err, ERR_PROTOCOL,
			       "%s sends other bytes for the layer: they have digest %s",
			       pull->registry_config.host, result->digest);
	if (strcmp(result->diff_id, pull->diff_ids[index]) != 0)
		return err_set(err, ERR_PROTOCOL, "unpacks to %s, but the image's config says %s",
			       result->diff_id, pull->diff_ids[index]);
	pthread_mutex_lock(&pull->lock);
	total = pull->unpacked += result->tar_size;
	pthread_mutex_unlock(&pull->lock);
	if (total > pull->job->max_size)
		return err_set(err, ERR_LIMIT,
			       "the image unpacks to more than %" PRIu64 " bytes: see --max-size",
			       pull->job->max_size);
	return 0;
}

/* For what a layer needs of one below it. */
static int open_finished(void *ctx, size_t index, int *ret_fd, struct err *err)
{
	const struct pull *pull = ctx;

	return blob_open(pull->sink->blobs, pull->pulled->layers[index].blob, ret_fd, err);
}

static int fetch_layer(struct transfer *transfer, struct http *http, struct blob *blob,
		       struct err *err)
{
	struct pull *pull = transfer->pull;
	size_t index = transfer->progress.layer;
	const struct descriptor *item = &pull->manifest.items[index];
	const struct layer_limits limits = {pull->job->max_size, LIMIT_LAYER_RATIO};
	const struct layer_place place = {pull->order, index, open_finished, pull};
	AUTO(auto_layer) struct layer *layer = NULL;
	struct layer_result result;

	if (layer_open(blob->fd, &limits, &place, &layer, err) < 0)
		return -1;
	transfer->layer = layer;
	if (registry_blob(pull->registry, http, item->digest, item->size, take_bytes, transfer,
			  err) < 0 ||
	    layer_finish(layer, &result, err) < 0 || check_layer(pull, index, &result, err) < 0)
		return -1;
	return blob_commit(blob, result.chained, err);
}

static int pull_layer(struct pull *pull, struct http *http, size_t index, struct err *err)
{
	const struct descriptor *item = &pull->manifest.items[index];
	struct transfer transfer = {.pull = pull,
				    .progress = {.layer = index,
						 .layer_count = pull->manifest.count,
						 .digest = item->digest,
						 .total = item->size}};
	AUTO(blob_abandon) struct blob blob = BLOB_INIT;
	int cached = blob_begin(pull->sink->blobs, pull->diff_ids, index, &blob, err);

	if (cached < 0)
		return -1;
	if (!cached && (report(&transfer, err) < 0 || fetch_layer(&transfer, http, &blob, err) < 0))
		return err_wrap(err, "layer %s", item->digest);
	memcpy(pull->pulled->layers[index].blob, blob.digest, DIGEST_TEXT_SIZE);
	layer_order_finish(pull->order, index);
	transfer.progress.cached = cached;
	transfer.progress.finished = true;
	return report(&transfer, err);
}

static bool take_layer(struct pull *pull, size_t *ret_index)
{
	bool more;

	pthread_mutex_lock(&pull->lock);
	more = !pull->failed && pull->next < pull->manifest.count;
	if (more)
		*ret_index = pull->next++;
	pthread_mutex_unlock(&pull->lock);
	return more;
}

static void fail(struct pull *pull, const struct err *err)
{
	pthread_mutex_lock(&pull->lock);
	if (!pull->failed)
		pull->first = *err;
	pull->failed = true;
	pthread_mutex_unlock(&pull->lock);
	layer_order_cancel(pull->order);
}

static void *layer_thread(void *arg)
{
	struct pull *pull = arg;
	AUTO(auto_http) struct http *http = http_new(&pull->http_config);
	struct err err = {0};
	size_t index;

	while (take_layer(pull, &index)) {
		if (pull_layer(pull, http, index, &err) < 0)
			fail(pull, &err);
	}
	return NULL;
}

static size_t thread_count(const struct pull *pull)
{
	cpu_set_t cpus;
	size_t count = 1;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		count = (size_t)CPU_COUNT(&cpus);
	count = MIN(count, (size_t)THREADS_MAX);
	return MIN(count, pull->manifest.count);
}

static int pull_layers(struct pull *pull, struct err *err)
{
	pthread_t threads[THREADS_MAX];
	pthread_attr_t attr;
	size_t count = thread_count(pull), started = 0;
	int errnum = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	while (started < count && errnum == 0) {
		errnum = pthread_create(&threads[started], &attr, layer_thread, pull);
		started += errnum == 0;
	}
	pthread_attr_destroy(&attr);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	if (started == 0)
		return err_sys(err, errnum, "start a thread");
	if (pull->failed)
		*err = pull->first;
	return pull->failed ? -1 : 0;
}

/* --- what to fetch --- */

static void use_registry(struct pull *pull, const struct worker_registry *registry)
{
	registry_free(pull->registry);
	pull->registry_config = (struct registry_config){
		.host = registry->host,
		.repository = registry->repository,
		.username = registry->username,
		.password = registry->password,
		.identity_token = registry->identity_token,
		.plain_http = registry->plain_http,
	};
	pull->registry = registry_new(&pull->registry_config);
}

/* The manifest or index that the reference names, of the first registry that has it; the last
 * one's error counts, for it is the reference's own. */
static int find_manifest(struct pull *pull, struct http *http, char ret_digest[DIGEST_TEXT_SIZE],
			 struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT(0);
	int rc = -1;

	for (size_t i = 0; rc < 0 && i < pull->job->registry_count; i++) {
		use_registry(pull, &pull->job->registries[i]);
		rc = registry_manifest(pull->registry, http, pull->job->ref, &bytes, ret_digest,
				       err);
	}
	if (rc < 0)
		return -1;
	return manifest_parse((struct view){bytes.ptr, bytes.len}, &pull->manifest, err);
}

/* From an index to the manifest of the platform. */
static int enter_index(struct pull *pull, struct http *http, char ret_digest[DIGEST_TEXT_SIZE],
		       struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT(0);
	AUTO(manifest_done) struct manifest index = pull->manifest;
	const struct descriptor *item;

	pull->manifest = (struct manifest){0};
	if (manifest_choose(&index, &pull->job->platform, &item, err) < 0 ||
	    registry_manifest(pull->registry, http, item->digest, &bytes, ret_digest, err) < 0 ||
	    manifest_parse((struct view){bytes.ptr, bytes.len}, &pull->manifest, err) < 0)
		return -1;
	if (pull->manifest.is_index)
		return err_set(err, ERR_INVALID, "an index within an index");
	pull->is_chosen = *index.platforms[item - index.items].os;
	return 0;
}

static int read_config(struct pull *pull, struct http *http, struct image_config *ret_config,
		       struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT(0);
	const struct descriptor *config = &pull->manifest.config;
	enum layer_compression compression;

	if (pull->manifest.count == 0 || pull->manifest.count > LIMIT_IMAGE_LAYERS)
		return err_set(err, ERR_LIMIT, "the image has %zu layers, not 1 to %d",
			       pull->manifest.count, LIMIT_IMAGE_LAYERS);
	for (size_t i = 0; i < pull->manifest.count; i++) {
		if (layer_media_type(pull->manifest.items[i].media_type, &compression, err) < 0)
			return -1;
	}
	if (registry_document(pull->registry, http, config->digest, config->size, &bytes, err) < 0)
		return -1;
	if (config_parse((struct view){bytes.ptr, bytes.len},
			 pull->is_chosen ? NULL : &pull->job->platform, ret_config, &pull->diff_ids,
			 err) < 0)
		return -1;
	if (strv_count(pull->diff_ids) != pull->manifest.count)
		return err_set(err, ERR_INVALID, "the image's config has %zu layers, not %zu",
			       strv_count(pull->diff_ids), pull->manifest.count);
	return 0;
}

static void list_layers(struct pull *pull, struct pulled *pulled)
{
	pulled->layer_count = pull->manifest.count;
	pulled->layers = xcalloc(pulled->layer_count, sizeof(*pulled->layers));
	for (size_t i = 0; i < pulled->layer_count; i++) {
		memcpy(pulled->layers[i].digest, pull->manifest.items[i].digest, DIGEST_TEXT_SIZE);
	}
	pull->order = layer_order_new(pulled->layer_count);
	pull->pulled = pulled;
}

int pull_run(const struct worker_job *job, const struct pull_sink *sink, struct pulled *ret_pulled,
	     struct err *err)
{
	AUTO(pull_done)
	struct pull pull = {.job = job,
			    .sink = sink,
			    .http_config = {.http_proxy = job->http_proxy,
					    .https_proxy = job->https_proxy,
					    .no_proxy = job->no_proxy,
					    .ca_file = job->ca_file,
					    .connect_ms = CONNECT_MS,
					    .stall_ms = STALL_MS,
					    .backoff_ms = BACKOFF_MS},
			    .lock = PTHREAD_MUTEX_INITIALIZER};
	AUTO(pulled_done) struct pulled pulled = {0};
	AUTO(auto_http) struct http *http = http_new(&pull.http_config);

	if (find_manifest(&pull, http, pulled.digest, err) < 0)
		return -1;
	if (pull.manifest.is_index && enter_index(&pull, http, pulled.digest, err) < 0)
		return -1;
	if (read_config(&pull, http, &pulled.config, err) < 0)
		return -1;
	list_layers(&pull, &pulled);
	if (pull_layers(&pull, err) < 0)
		return -1;
	*ret_pulled = pulled;
	pulled = (struct pulled){0};
	return 0;
}
