// SPDX-License-Identifier: MIT
/*
 * Resolving: see resolve.h.
 *
 * Happy path: the store has the image.  Else the worker brings what is missing, which is announced
 * before and saved after, and the image is found as if it had been there.
 *
 * Failure modes: those of worker.h and store.h; an image that somebody removes between the save and
 * the look-up is ERR_NOT_FOUND.  What a failed pull has brought is gc's, which runs here too.
 */
#include "image/resolve.h"

#include "base/auto.h"
#include "image/base_image.h"
#include "image/store_gc.h"
#include "image/store_internal.h"

/* What a look-up right after the save means. */
static int found(int got, const char *tag, struct err *err)
{
	if (got == 0)
		return err_set(err, ERR_NOT_FOUND, "image '%s' was removed meanwhile: try again",
			       tag);
	return got < 0 ? -1 : 0;
}

static int pull_and_save(struct store *store, const struct resolve_request *request,
			 struct image **ret_image, struct err *err)
{
	AUTO(reference_done) struct reference reference = {0};
	AUTO(pulled_done) struct pulled pulled = {0};
	AUTO_FD int pull = -1;
	struct pull_request pull_request = {
		.reference = &reference,
		.platform = request->platform,
		.max_size = request->max_size,
		.progress = request->progress,
		.ctx = request->ctx,
	};

	if (reference_parse(request->ref, &reference, err) < 0 ||
	    store_begin_pull(store, &pull, err) < 0 ||
	    worker_pull(store, &pull_request, &pulled, err) < 0)
		return -1;
	if (store_save_pulled(store, "registry", request->ref, "registry", &pulled, err) < 0)
		return err_wrap(err, "save to store");
	return found(store_lookup(store, "registry", request->ref, ret_image, err), request->ref,
		     err);
}

int resolve_image(struct store *store, const struct resolve_request *request,
		  struct image **ret_image, bool *ret_pulled, struct err *err)
{
	bool use_store = request->policy != PULL_ALWAYS && !request->platform;
	int result;

	*ret_pulled = false;
	if (base_image_is(request->ref))
		return store_find(store, request->ref, ret_image, err);
	if (use_store || request->policy == PULL_NEVER) {
		result = store_find(store, request->ref, ret_image, err);
		if (result == 0 || err->code != ERR_NOT_FOUND || request->policy == PULL_NEVER)
			return result;
	}
	*ret_pulled = true;
	result = pull_and_save(store, request, ret_image, err);
	store_gc_quietly(store);
	return result;
}

static int import_and_save(struct store *store, int fd, const char *tag, uint64_t max_size,
			   struct image **ret_image, struct err *err)
{
	AUTO(pulled_done) struct pulled pulled = {0};
	AUTO_FD int pull = -1;

	if (store_begin_pull(store, &pull, err) < 0)
		return -1;
	if (worker_import(store, fd, max_size, &pulled, err) < 0)
		return -1;
	if (store_save_pulled(store, "local", tag, "import", &pulled, err) < 0)
		return err_wrap(err, "save to store");
	return found(store_lookup(store, "local", tag, ret_image, err), tag, err);
}

int resolve_import(struct store *store, int fd, const char *tag, uint64_t max_size,
		   struct image **ret_image, struct err *err)
{
	int result = import_and_save(store, fd, tag, max_size, ret_image, err);

	store_gc_quietly(store);
	return result;
}
