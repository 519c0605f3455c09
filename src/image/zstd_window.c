// SPDX-License-Identifier: MIT
/* See zstd_window.h. */
#include "image/zstd_window.h"

#include <stdbool.h>
#include <string.h>

enum {
	DESCRIPTOR = 4, /* its place, behind the magic number */
	PREFIX_SIZE = 5,
	SINGLE_SEGMENT = 0x20, /* no window is named: it is the content */
};

static bool is_frame(const unsigned char *head, size_t len)
{
	static const unsigned char magic[DESCRIPTOR] = {0x28, 0xb5, 0x2f, 0xfd};

	return len >= PREFIX_SIZE && memcmp(head, magic, sizeof(magic)) == 0;
}

static bool is_single(const unsigned char *head)
{
	return head[DESCRIPTOR] & SINGLE_SEGMENT;
}

/* Of the field that tells how long the content is. */
static size_t content_field_size(const unsigned char *head)
{
	static const size_t sizes[] = {0, 2, 4, 8};
	size_t size = sizes[head[DESCRIPTOR] >> 6];

	return size == 0 && is_single(head) ? 1 : size;
}

size_t zstd_header_size(const unsigned char *head, size_t len)
{
	static const size_t dictionary_sizes[] = {0, 1, 2, 4};

	if (!is_frame(head, len))
		return PREFIX_SIZE;
	return PREFIX_SIZE + (is_single(head) ? 0 : 1) + dictionary_sizes[head[DESCRIPTOR] & 3] +
	       content_field_size(head);
}

uint64_t zstd_header_window(const unsigned char *head, size_t len)
{
	size_t field;
	uint64_t size = 0, base;

	if (!is_frame(head, len) || len < zstd_header_size(head, len))
		return 0;
	if (!is_single(head)) {
		base = UINT64_C(1) << (10 + (head[PREFIX_SIZE] >> 3));
		return base + base / 8 * (head[PREFIX_SIZE] & 7);
	}
	field = content_field_size(head);
	for (size_t i = 0; i < field; i++)
		size |= (uint64_t)head[len - field + i] << 8 * i;
	return field == 2 ? size + 256 : size;
}
