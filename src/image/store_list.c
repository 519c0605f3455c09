// SPDX-License-Identifier: MIT
/* The rows of the store in their order: see store.h. */
#include "base/alloc.h"
#include "image/store_internal.h"

#include <stdlib.h>

/* Times lack their trailing zeros: without the Z they compare as text. */
static const char list_sql[] =
	"SELECT tag, source, digest, created_at, size, scope = 'local' FROM images"
	" WHERE scope IN ('local', 'registry')"
	" ORDER BY scope, replace(created_at, 'Z', '') DESC, tag";

static struct image_row *add_row(struct image_rows *rows)
{
	rows->rows = xreallocarray(rows->rows, rows->count + 1, sizeof(*rows->rows));
	return &rows->rows[rows->count++];
}

int store_list(struct store *store, struct image_rows *ret_rows, struct err *err)
{
	AUTO(image_rows_done) struct image_rows rows = {0};
	AUTO(db_query_done) struct db_query query = {0};
	int got;

	if (db_select(store->db, list_sql, NULL, 0, &query, err) < 0)
		return -1;
	while ((got = db_next(&query, err)) > 0) {
		const char *source = db_column_text(&query, 1);

		*add_row(&rows) = (struct image_row){
			.tag = xstrdup(db_column_text(&query, 0)),
			.source = xstrdup(*source ? source : "local"),
			.digest = xstrdup(db_column_text(&query, 2)),
			.created_at = xstrdup(db_column_text(&query, 3)),
			.size = (uint64_t)db_column_int(&query, 4),
			.is_local = db_column_int(&query, 5) != 0,
		};
	}
	if (got < 0)
		return -1;
	*ret_rows = rows;
	rows = (struct image_rows){0};
	return 0;
}

void image_rows_done(struct image_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->rows[i].tag);
		free(rows->rows[i].source);
		free(rows->rows[i].digest);
		free(rows->rows[i].created_at);
	}
	free(rows->rows);
	*rows = (struct image_rows){0};
}
