// SPDX-License-Identifier: MIT
/*
 * Bodies: see http1_body.h.  A chunked one goes byte by byte through the lines between its chunks:
 *
 *	SIZE [; EXTENSION] CR LF DATA CR LF ... 0 CR LF TRAILER CR LF
 *
 * and is refused where readers are known to differ: LF alone, blanks beside a size, signs, 0x, a
 * size that overflows, a trailer that belongs into the head.  Extensions mean nothing to anybody
 * and may stay.
 */
#include "gateway/http1_body.h"

enum step { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER };

enum { SIZE_DIGITS = 15 };

void http1_body_init(struct http1_body *body, const struct http1_head *head)
{
	*body = (struct http1_body){
		.trailer = BUF_INIT(LIMIT_HTTP_TRAILER),
		.content = head->content,
		.left = head->length,
		.step = head->content == HTTP1_CHUNKED ? SIZE : DATA,
	};
	body->done = head->content == HTTP1_NOTHING ||
		     (head->content == HTTP1_LENGTH && head->length == 0);
}

void http1_body_done(struct http1_body *body)
{
	buf_done(&body->trailer);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 'a' - 'A';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int malformed(struct err *err)
{
	return err_set(err, ERR_PROTOCOL, "HTTP: malformed chunks");
}

static int read_size(struct http1_body *body, char c, struct err *err)
{
	int digit = hex_digit(c);

	if (digit >= 0 && body->line <= SIZE_DIGITS) {
		body->left = body->left << 4 | (uint64_t)digit;
		return 0;
	}
	if (body->line == 1 || (c != '\r' && c != ';'))
		return malformed(err);
	body->step = c == '\r' ? SIZE_LF : EXTENSION;
	return 0;
}

static int read_extension(struct http1_body *body, char c, struct err *err)
{
	if (c == '\r')
		body->step = SIZE_LF;
	else if (((unsigned char)c < ' ' && c != '\t') || c == 0x7f)
		return malformed(err);
	return 0;
}

/* What must be known before anything of the body, or would be dropped, stands in no trailer. */
static int check_trailer(struct http1_body *body, struct err *err)
{
	static const char *const wrong[] = {"Content-Length", "Transfer-Encoding", "Host",
					    "Connection",     "Upgrade",	   "Trailer",
					    "Authorization",  "Content-Encoding"};
	struct http1_fields fields;

	if (http1_fields_read((struct view){body->trailer.ptr, body->trailer.len}, &fields, err) <
	    0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (http1_find(&fields, wrong[i], NULL))
			return err_set(err, ERR_PROTOCOL, "HTTP: %s behind the body", wrong[i]);
	}
	return 0;
}

static int read_trailer(struct http1_body *body, char c, struct err *err)
{
	struct view bytes;
	ssize_t size;

	buf_putc(&body->trailer, c);
	if (buf_check(&body->trailer, "HTTP: a trailer", err) < 0)
		return -1;
	bytes = (struct view){body->trailer.ptr, body->trailer.len};
	size = http1_scan(&body->scan, bytes, LIMIT_HTTP_TRAILER, err);
	if (size <= 0)
		return (int)size;
	body->done = true;
	return check_trailer(body, err);
}

/* One byte that is no content. */
static int read_byte(struct http1_body *body, char c, struct err *err)
{
	if (body->step <= SIZE_LF && ++body->line > LIMIT_HTTP_CHUNK_LINE)
		return err_set(err, ERR_LIMIT, "HTTP: a chunk's first line over %d bytes",
			       LIMIT_HTTP_CHUNK_LINE);
	switch (body->step) {
	case SIZE:
		return read_size(body, c, err);
	case EXTENSION:
		return read_extension(body, c, err);
	case SIZE_LF:
		body->step = body->left ? DATA : TRAILER;
		return c == '\n' ? 0 : malformed(err);
	case DATA_CR:
		body->step = DATA_LF;
		return c == '\r' ? 0 : malformed(err);
	case DATA_LF:
		body->step = SIZE;
		body->line = 0;
		return c == '\n' ? 0 : malformed(err);
	default:
		return read_trailer(body, c, err);
	}
}

/* Content, as much of it as is there. */
static struct view read_data(struct http1_body *body, struct view bytes)
{
	if (body->content == HTTP1_UNTIL_CLOSE || body->content == HTTP1_TUNNEL)
		return bytes;
	bytes.len = (size_t)MIN((uint64_t)bytes.len, body->left);
	body->left -= bytes.len;
	if (body->left == 0 && body->content == HTTP1_CHUNKED)
		body->step = DATA_CR;
	else if (body->left == 0)
		body->done = true;
	return bytes;
}

ssize_t http1_body_read(struct http1_body *body, struct view bytes, struct view *ret_content,
			struct err *err)
{
	size_t used = 0;

	*ret_content = (struct view){bytes.ptr, 0};
	while (!body->done && used < bytes.len) {
		if (body->step == DATA) {
			*ret_content =
				read_data(body, (struct view){bytes.ptr + used, bytes.len - used});
			used += ret_content->len;
			break;
		}
		if (read_byte(body, bytes.ptr[used], err) < 0)
			return -1;
		used++;
	}
	return (ssize_t)used;
}

int http1_body_end(const struct http1_body *body, struct err *err)
{
	if (body->done || body->content == HTTP1_UNTIL_CLOSE || body->content == HTTP1_TUNNEL)
		return 0;
	return err_set(err, ERR_PROTOCOL, "HTTP: the connection ended within a body");
}
