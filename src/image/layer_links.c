// SPDX-License-Identifier: MIT
/*
 * Hard links into lower layers: see layer_links.h.  The image without the links is set aside in a
 * file without a name, and image/merge.h writes the final one from it and the layers below.
 */
#include "image/layer_links.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "image/merge.h"

#include <errno.h>
#include <unistd.h>

static void close_all(struct merge_links_spec *spec)
{
	for (size_t i = 0; i < spec->lower_count; i++)
		close(spec->lower_fds[i]);
	if (spec->layer_fd >= 0)
		close(spec->layer_fd);
}

/* Moves the image out of the blob's file. */
static int set_aside(struct blob *blob, int *ret_fd, struct err *err)
{
	if (blob_scratch(blob->blobs, ret_fd, err) < 0 ||
	    fd_copy_sparse(blob->fd, *ret_fd, "layer", err) < 0)
		return -1;
	if (ftruncate(blob->fd, 0) < 0 || lseek(blob->fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "empty '%s'", blob->temp);
	return 0;
}

int layer_links_add(char *const *diff_ids, size_t index, const struct layer_result *result,
		    struct blob *blob, struct err *err)
{
	AUTO_FREE int *lower = xcalloc(index + 1, sizeof(*lower));
	AUTO_FREE struct merge_link *links = xcalloc(result->link_count + 1, sizeof(*links));
	AUTO(close_all)
	struct merge_links_spec spec = {.layer_fd = -1,
					.lower_fds = lower,
					.links = links,
					.link_count = result->link_count,
					.out_fd = blob->fd};

	if (result->link_count == 0)
		return 0;
	for (; spec.lower_count < index; spec.lower_count++) {
		if (blob_open(blob->blobs, diff_ids[spec.lower_count], &lower[spec.lower_count],
			      err) < 0)
			return -1;
	}
	for (size_t i = 0; i < result->link_count; i++)
		links[i] = (struct merge_link){result->links[i].path, result->links[i].link};
	if (set_aside(blob, &spec.layer_fd, err) < 0)
		return -1;
	return merge_links(&spec, err);
}
