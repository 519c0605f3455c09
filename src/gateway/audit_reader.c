// SPDX-License-Identifier: MIT
/*
 * The audit's reader: see audit_reader.h.
 *
 * Happy path: bytes are read in large pieces, cut into lines, and each line becomes an object.  The
 * last line counts once its end is there.
 * Failure modes: what is no record (half a line of a gateway that was killed, in a file that others
 * append to) is counted and passed over.  A file without ends of lines is ERR_LIMIT.
 */
#include "gateway/audit_reader.h"

#include "base/limits.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 64 * 1024 };

void audit_reader_init(struct audit_reader *reader, int fd, const char *id)
{
	*reader = (struct audit_reader){
		.fd = fd,
		.id = id,
		.bytes = BUF_INIT(LIMIT_AUDIT_LINE + PIECE),
	};
}

void audit_reader_done(struct audit_reader *reader)
{
	buf_done(&reader->bytes);
}

/* 1: there is more to look at, 0: there is not. */
static int read_more(struct audit_reader *reader, struct err *err)
{
	char *room;
	ssize_t got;

	buf_consume(&reader->bytes, reader->at);
	reader->at = 0;
	room = buf_reserve(&reader->bytes, PIECE);
	if (!room)
		return err_set(err, ERR_LIMIT, "audit: a line is longer than %d bytes",
			       LIMIT_AUDIT_LINE);
	do
		got = read(reader->fd, room, PIECE);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(err, errno, "read the audit");
	buf_added(&reader->bytes, (size_t)got);
	return got > 0;
}

static bool take_line(struct audit_reader *reader, struct view *ret_line)
{
	const char *start = reader->bytes.ptr + reader->at;
	const char *end = memchr(start, '\n', reader->bytes.len - reader->at);

	if (!end)
		return false;
	*ret_line = (struct view){start, (size_t)(end - start)};
	reader->at += ret_line->len + 1;
	return true;
}

/* The record, if it is one, and is wanted. */
static json_t *parse(struct audit_reader *reader, struct view line)
{
	json_t *record = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);

	if (!*audit_text(record, "what")) {
		reader->skipped++;
	} else if (!reader->id || strcmp(audit_text(record, "id"), reader->id) == 0) {
		return record;
	}
	json_decref(record);
	return NULL;
}

int audit_reader_next(struct audit_reader *reader, json_t **ret_record, struct err *err)
{
	json_t *record = NULL;
	struct view line;
	int more = 1;

	while (!record && more > 0) {
		if (take_line(reader, &line))
			record = parse(reader, line);
		else
			more = read_more(reader, err);
	}
	*ret_record = record;
	return more;
}

const char *audit_text(const json_t *record, const char *key)
{
	const char *text = json_string_value(json_object_get(record, key));

	return text ? text : "";
}

uint64_t audit_number(const json_t *record, const char *key)
{
	json_int_t number = json_integer_value(json_object_get(record, key));

	return number > 0 ? (uint64_t)number : 0;
}
