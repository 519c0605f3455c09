// SPDX-License-Identifier: MIT
/* See path_set.h. */
#include "image/path_set.h"

void path_set_init(struct path_set *set)
{
	erofs_tree_init(&set->tree, 0);
}

void path_set_done(struct path_set *set)
{
	erofs_tree_done(&set->tree);
}

int path_set_add(struct path_set *set, const char *path, struct err *err)
{
	struct erofs_node *node;

	if (erofs_tree_make(&set->tree, path, &node, err) < 0 ||
	    erofs_tree_set_dir(&set->tree, node, err) < 0)
		return -1;
	node->dir->opaque = true;
	return 0;
}

bool path_set_has(struct path_set *set, const char *path)
{
	struct erofs_node *node;
	struct err err;

	return erofs_tree_find(&set->tree, path, &node, &err) == 0 && node->dir->opaque;
}
