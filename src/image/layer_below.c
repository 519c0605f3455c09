// SPDX-License-Identifier: MIT
/*
 * See layer_below.h.  First the links, in the order of the archive, since their own directories may
 * be implied too; then one walk over the directories of the image, with the stack beside it.
 *
 * Failure modes: those of the stack, of reader and writer.
 */
#include "image/layer_below.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/text.h"
#include "image/erofs_copy.h"
#include "image/erofs_implied.h"
#include "image/nid_map.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct linking {
	struct layer_stack *stack;
	struct erofs_writer *writer;
	struct nid_map copied[LIMIT_IMAGE_LAYERS]; /* a layer's inodes: their first name here */
	void *added;				   /* paths of links so far, of tsearch() */
};

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void keep(void *path)
{
	(void)path; /* is the link's own */
}

static void linking_done(struct linking *linking)
{
	for (size_t i = 0; i < LIMIT_IMAGE_LAYERS; i++)
		nid_map_done(&linking->copied[i]);
	tdestroy(linking->added, keep);
}

static int copy_below(struct linking *linking, const char *path, const struct layer_found *found,
		      struct err *err)
{
	struct erofs_reader *reader = layer_stack_reader(linking->stack, found->layer);
	struct nid_map *copied = &linking->copied[found->layer];
	struct erofs_entry entry;
	const char *first;

	if (nid_map_find(copied, found->nid, &first)) {
		entry = (struct erofs_entry){.path = path, .link = first};
		return erofs_add(linking->writer, &entry, err);
	}
	if (erofs_reader_entry(reader, found->nid, &entry, err) < 0)
		return -1;
	if (S_ISDIR(entry.mode))
		return err_set(err, ERR_INVALID, "a hard link to a directory");
	entry.path = path;
	if (erofs_copy(reader, found->nid, &entry, linking->writer, err) < 0)
		return -1;
	return nid_map_set(copied, found->nid, path, err);
}

static int add_below(struct linking *linking, const struct layer_link *link, struct err *err)
{
	struct layer_found found;
	int is_there = layer_stack_find(linking->stack, link->link, &found, err);

	if (is_there < 0)
		return -1;
	if (is_there == 0) {
		AUTO_FREE char *quoted = text_quoted(link->link);

		return err_set(err, ERR_NOT_FOUND,
			       "the target of the hard link, %s, is in no layer", quoted);
	}
	return copy_below(linking, link->path, &found, err);
}

static int add_link(struct linking *linking, const struct layer_link *link, struct err *err)
{
	const struct erofs_entry again = {.path = link->path, .link = link->link};
	int result;

	if (erofs_type_at(linking->writer, link->path) &&
	    !tfind(link->path, &linking->added, compare))
		return 0;
	if (tfind(link->link, &linking->added, compare))
		result = erofs_add(linking->writer, &again, err);
	else
		result = add_below(linking, link, err);
	if (result < 0)
		return -1;
	if (!tsearch(link->path, &linking->added, compare))
		abort();
	return 0;
}

static int add_links(struct linking *linking, const struct layer_link *links, size_t count,
		     struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (add_link(linking, &links[i], err) < 0) {
			AUTO_FREE char *quoted = text_quoted(links[i].path);

			return err_wrap(err, "entry %s", quoted);
		}
	}
	return 0;
}

/* What the uppermost layer says of the directory, if it is one there. */
static int describe(struct erofs_dirs *dirs, struct layer_stack *stack,
		    const struct layer_found *found, struct err *err)
{
	struct erofs_xattr xattrs[LIMIT_EROFS_XATTRS];
	struct erofs_entry entry;

	if (erofs_reader_entry(layer_stack_reader(stack, found->layer), found->nid, &entry, err) <
	    0)
		return err_wrap(err, "layer %zu", found->layer + 1);
	if (!S_ISDIR(entry.mode))
		return 0;
	erofs_drop_overlay(&entry, xattrs);
	return erofs_dirs_describe(dirs, &entry, err);
}

static int describe_implied(struct layer_stack *stack, struct erofs_writer *writer, struct err *err)
{
	struct erofs_dirs dirs = erofs_dirs_of(writer);

	while (erofs_has_implied(writer) && erofs_dirs_next(&dirs)) {
		struct layer_found found;
		int is_there;

		layer_stack_leave(stack, dirs.depth - 1);
		is_there = layer_stack_enter(stack, dirs.name, &found, err);
		if (is_there < 0)
			return -1;
		if (is_there && erofs_dirs_implied(&dirs) &&
		    describe(&dirs, stack, &found, err) < 0)
			return -1;
	}
	return 0;
}

int layer_below_add(struct layer_stack *stack, const struct layer_link *links, size_t count,
		    struct erofs_writer *writer, struct err *err)
{
	AUTO(linking_done) struct linking linking = {.stack = stack, .writer = writer};

	if (add_links(&linking, links, count, err) < 0)
		return -1;
	layer_stack_leave(stack, 0);
	return describe_implied(stack, writer, err);
}
