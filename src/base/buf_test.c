// SPDX-License-Identifier: MIT
#include "base/buf.h"

#include "base/tap.h"

#include <stdlib.h>

int main(void)
{
	struct buf buf = BUF_INIT(8);
	struct err err = {0};
	size_t len;
	char *text;

	TEST("an empty buf is an empty string");
	CHECK_STR(buf.ptr, "");
	CHECK(buf_check(&buf, "text", &err) == 0);

	TEST("bytes are appended and always NUL-ended");
	buf_puts(&buf, "ab");
	buf_printf(&buf, "%d", 12);
	buf_putc(&buf, 'c');
	CHECK_STR(buf.ptr, "ab12c");

	TEST("the maximum is exact, and a put over it adds nothing and sticks");
	buf_puts(&buf, "xyz");
	CHECK(buf.len == 8 && !buf.failed);
	buf_putc(&buf, '!');
	CHECK(buf.len == 8 && buf.failed);
	CHECK(buf_check(&buf, "text", &err) < 0 && err.code == ERR_LIMIT);
	CHECK_STR(err.msg, "text is larger than 8 bytes");

	TEST("clear makes it usable again, consume drops from the front");
	buf_clear(&buf);
	buf_puts(&buf, "abcdef");
	buf_consume(&buf, 2);
	CHECK_STR(buf.ptr, "cdef");

	TEST("a reservation over the maximum fails without overflow");
	CHECK(buf_reserve(&buf, (size_t)-1) == NULL && buf.failed);
	buf_clear(&buf);

	TEST("steal hands the bytes over");
	buf_puts(&buf, "abc");
	text = buf_steal(&buf, &len);
	CHECK_STR(text, "abc");
	CHECK(len == 3 && buf.len == 0);
	free(text);
	text = buf_steal(&buf, &len);
	CHECK_STR(text, "");
	free(text);
	buf_done(&buf);
	return tap_done();
}
