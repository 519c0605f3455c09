// SPDX-License-Identifier: MIT
/* A table: see table.h (reference: cli-and-rpc.md 5.3).  What a terminal would
 * act on is shown as '?'. */
#include "cli/table.h"

#include "base/attr.h"
#include "base/strv.h"

#include <assert.h>
#include <string.h>

enum { COLUMNS_MAX = 12 };

static void print_cell(FILE *out, const char *text, size_t width)
{
	size_t len = strlen(text);

	for (const char *c = text; *c; c++)
		putc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, out);
	for (; len < width; len++)
		putc(' ', out);
}

static void print_row(FILE *out, const char *const *cells, const size_t *widths, size_t columns)
{
	for (size_t i = 0; i < columns; i++)
		print_cell(out, cells[i], i + 1 < columns ? widths[i] + 2 : 0);
	putc('\n', out);
}

void table_write(FILE *out, const char *const *headers, size_t columns, char *const *cells)
{
	size_t widths[COLUMNS_MAX], count = strv_count(cells);

	assert(columns > 0 && columns <= COLUMNS_MAX && count % columns == 0);
	for (size_t i = 0; i < columns; i++)
		widths[i] = strlen(headers[i]);
	for (size_t i = 0; i < count; i++)
		widths[i % columns] = MAX(widths[i % columns], strlen(cells[i]));
	print_row(out, headers, widths, columns);
	for (size_t i = 0; i < count; i += columns)
		print_row(out, (const char *const *)&cells[i], widths, columns);
}

void table_print(const char *const *headers, size_t columns, char *const *cells)
{
	table_write(stdout, headers, columns, cells);
}
