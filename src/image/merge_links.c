// SPDX-License-Identifier: MIT
/*
 * Hard links that lead into the layers below: see merge.h.
 *
 * Happy path: the layer is copied; then each link's target is looked up as overlayfs would, layer
 * by layer from the top down, and copied under the link's name.
 *
 * Failure modes: those of reader and writer; the result is then no file system.
 */
#include "base/alloc.h"
#include "base/attr.h"
#include "base/limits.h"
#include "base/text.h"
#include "image/erofs_copy.h"
#include "image/merge.h"
#include "image/nid_map.h"
#include "image/path_set.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A layer below. */
struct lower {
	struct erofs_reader *reader;
	struct nid_map copied; /* inodes that the result has, and their first name there */
};

struct linking {
	const struct merge_links_spec *spec;
	struct erofs_reader *layer;
	struct erofs_writer *writer;
	struct lower *lowers;
	struct path_set added; /* the links so far */
};

/* Something in a layer below. */
struct found {
	struct lower *lower;
	uint64_t nid;
};

enum seek { SEEK_FOUND, SEEK_ABSENT, SEEK_HIDDEN, SEEK_FAILED };

static int copy_entry(void *ctx, const struct erofs_entry *entry, uint64_t nid, struct err *err)
{
	struct linking *linking = ctx;

	if (erofs_is_whiteout(entry))
		return erofs_add_whiteout(linking->writer, entry->path, err);
	return erofs_copy(linking->layer, nid, entry, linking->writer, err);
}

/* One step: the first `len` bytes of the path in one layer.  *hides: nothing below this layer
 * shows, whatever follows. */
static enum seek seek_prefix(struct erofs_reader *reader, struct view prefix, bool is_last,
			     bool *hides, uint64_t *ret_nid, struct err *err)
{
	AUTO_FREE char *path = xstrndup(prefix.ptr, prefix.len);
	struct erofs_entry entry;

	if (erofs_reader_lookup(reader, path, ret_nid, err) < 0) {
		if (err->code != ERR_NOT_FOUND)
			return SEEK_FAILED;
		return *hides ? SEEK_HIDDEN : SEEK_ABSENT;
	}
	if (erofs_reader_entry(reader, *ret_nid, &entry, err) < 0)
		return SEEK_FAILED;
	if (erofs_is_whiteout(&entry) || (!is_last && !S_ISDIR(entry.mode)))
		return SEEK_HIDDEN;
	*hides = *hides || erofs_is_opaque(&entry);
	return SEEK_FOUND;
}

/* The path in one layer, component by component from the root on. */
static enum seek seek_in(struct erofs_reader *reader, const char *path, uint64_t *ret_nid,
			 struct err *err)
{
	bool hides = false;
	size_t len = 0, total = strlen(path);
	enum seek seek =
		seek_prefix(reader, (struct view){path, 0}, total == 0, &hides, ret_nid, err);

	while (seek == SEEK_FOUND && len < total) {
		len += path[len] == '/';
		len += strcspn(path + len, "/");
		seek = seek_prefix(reader, (struct view){path, len}, len == total, &hides, ret_nid,
				   err);
	}
	return seek;
}

/* The path in the layers below: 1, 0 if they do not show it, -1. */
static int seek_below(struct linking *linking, const char *path, struct found *ret_found,
		      struct err *err)
{
	for (size_t i = linking->spec->lower_count; i > 0; i--) {
		struct lower *lower = &linking->lowers[i - 1];
		enum seek seek = seek_in(lower->reader, path, &ret_found->nid, err);

		ret_found->lower = lower;
		if (seek == SEEK_FOUND)
			return 1;
		if (seek == SEEK_FAILED)
			return err_wrap(err, "layer %zu", i);
		if (seek == SEEK_HIDDEN)
			return 0;
	}
	return 0;
}

/* Directories above `path` that only the layers below have. */
static int add_parents(struct linking *linking, const char *path, struct err *err)
{
	for (const char *end = strchr(path, '/'); end; end = strchr(end + 1, '/')) {
		AUTO_FREE char *parent = xstrndup(path, (size_t)(end - path));
		struct erofs_entry entry;
		struct found found;
		int is_there;

		if (erofs_type_at(linking->writer, parent))
			continue;
		is_there = seek_below(linking, parent, &found, err);
		if (is_there < 0)
			return -1;
		if (is_there == 0)
			return 0; /* the writer makes it */
		if (erofs_reader_entry(found.lower->reader, found.nid, &entry, err) < 0)
			return -1;
		if (!S_ISDIR(entry.mode))
			return 0;
		entry.path = parent;
		entry.xattr_count = 0;
		if (erofs_add(linking->writer, &entry, err) < 0)
			return -1;
	}
	return 0;
}

/* Without the "./" and "/" that archives write. */
static const char *plain(const char *path)
{
	while (path[0] == '/' || (path[0] == '.' && path[1] == '/'))
		path++;
	return path;
}

static int add_copy(struct linking *linking, const char *path, const struct found *found,
		    struct err *err)
{
	struct nid_map *copied = &found->lower->copied;
	struct erofs_entry entry;
	const char *first;

	if (nid_map_find(copied, found->nid, &first)) {
		entry = (struct erofs_entry){.path = path, .link = first};
		return erofs_add(linking->writer, &entry, err);
	}
	if (erofs_reader_entry(found->lower->reader, found->nid, &entry, err) < 0)
		return -1;
	if (S_ISDIR(entry.mode))
		return err_set(err, ERR_INVALID, "a hard link to a directory");
	entry.path = path;
	if (erofs_copy(found->lower->reader, found->nid, &entry, linking->writer, err) < 0)
		return -1;
	return nid_map_set(copied, found->nid, path, err);
}

/* A link to what the layers below have. */
static int add_below(struct linking *linking, const char *path, const char *target, struct err *err)
{
	struct found found;
	int is_there = seek_below(linking, target, &found, err);

	if (is_there < 0)
		return -1;
	if (is_there == 0) {
		AUTO_FREE char *quoted = text_quoted(target);

		return err_set(err, ERR_NOT_FOUND,
			       "the target of the hard link, %s, is in no layer", quoted);
	}
	return add_copy(linking, path, &found, err);
}

static int add_link(struct linking *linking, const struct merge_link *link, struct err *err)
{
	const char *path = plain(link->path), *target = plain(link->link);
	const struct erofs_entry again = {.path = path, .link = target};
	int result;

	if (erofs_type_at(linking->writer, path))
		return 0;
	if (add_parents(linking, path, err) < 0)
		return -1;
	if (path_set_has(&linking->added, target))
		result = erofs_add(linking->writer, &again, err);
	else
		result = add_below(linking, path, target, err);
	return result < 0 ? -1 : path_set_add(&linking->added, path, err);
}

static int add_links(struct linking *linking, struct err *err)
{
	const struct merge_links_spec *spec = linking->spec;

	for (size_t i = 0; i < spec->link_count; i++) {
		if (add_link(linking, &spec->links[i], err) < 0) {
			AUTO_FREE char *quoted = text_quoted(spec->links[i].path);

			return err_wrap(err, "entry %s", quoted);
		}
	}
	return 0;
}

static int open_all(struct linking *linking, struct err *err)
{
	const struct merge_links_spec *spec = linking->spec;

	if (erofs_reader_open(spec->layer_fd, &linking->layer, err) < 0)
		return -1;
	for (size_t i = 0; i < spec->lower_count; i++) {
		if (erofs_reader_open(spec->lower_fds[i], &linking->lowers[i].reader, err) < 0)
			return err_wrap(err, "layer %zu", i + 1);
	}
	return 0;
}

static void linking_done(struct linking *linking)
{
	for (size_t i = 0; i < linking->spec->lower_count; i++) {
		erofs_reader_free(linking->lowers[i].reader);
		nid_map_done(&linking->lowers[i].copied);
	}
	free(linking->lowers);
	path_set_done(&linking->added);
	erofs_reader_free(linking->layer);
	erofs_writer_free(linking->writer);
}

int merge_links(const struct merge_links_spec *spec, struct err *err)
{
	AUTO(linking_done) struct linking linking = {.spec = spec};
	const struct erofs_params params = {.build_time = spec->build_time};

	linking.lowers = xcalloc(spec->lower_count + 1, sizeof(*linking.lowers));
	path_set_init(&linking.added);
	linking.writer = erofs_writer_new(spec->out_fd, &params);
	if (open_all(&linking, err) < 0 ||
	    erofs_reader_walk(linking.layer, copy_entry, &linking, err) < 0 ||
	    add_links(&linking, err) < 0)
		return -1;
	return erofs_finish(linking.writer, err);
}
