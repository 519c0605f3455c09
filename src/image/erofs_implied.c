// SPDX-License-Identifier: MIT
/* See erofs_implied.h. */
#include "image/erofs_implied.h"

#include "image/erofs_internal.h"

bool erofs_has_implied(const struct erofs_writer *writer)
{
	return writer->tree.implied_count > 0;
}

struct erofs_dirs erofs_dirs_of(struct erofs_writer *writer)
{
	return (struct erofs_dirs){.writer = writer, .node = writer->tree.root};
}

bool erofs_dirs_next(struct erofs_dirs *dirs)
{
	dirs->node = erofs_tree_next_dir(&dirs->writer->tree, dirs->node, &dirs->depth);
	if (dirs->node)
		dirs->name = (struct view){dirs->node->name, dirs->node->name_len};
	return dirs->node;
}

bool erofs_dirs_implied(const struct erofs_dirs *dirs)
{
	return dirs->node->dir->implied;
}

int erofs_dirs_describe(struct erofs_dirs *dirs, const struct erofs_entry *entry, struct err *err)
{
	return erofs_put_dir(dirs->writer, dirs->node, entry, err);
}
