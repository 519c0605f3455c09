// SPDX-License-Identifier: MIT
/* Tests of the audit: what a line says, what it never holds, and a disk that is full. */
#include "gateway/audit.h"

#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/tap.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static int new_file(void)
{
	char path[] = "/tmp/audit-test-XXXXXX";
	int fd = mkostemp(path, O_APPEND | O_CLOEXEC);

	CHECK(fd >= 0);
	unlink(path);
	return fd;
}

static json_t *line_at(int fd, size_t number)
{
	static char text[1 << 20];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	char *line = text;

	CHECK(len >= 0);
	text[len > 0 ? len : 0] = '\0';
	for (size_t i = 0; i < number && line; i++) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return line ? json_loads(line, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
}

static const char *text_of(const json_t *line, const char *key)
{
	const char *text = json_string_value(json_object_get(line, key));

	return text ? text : "(none)";
}

static json_int_t number_of(const json_t *line, const char *key)
{
	return json_integer_value(json_object_get(line, key));
}

static void test_lines(void)
{
	struct policy_verdict verdict = {.rule = "allow-host example.test", .allowed = true};
	struct audit_event event = {.what = "connect",
				    .flow = 7,
				    .verdict = &verdict,
				    .host = "example.test",
				    .port = 443};
	int fd = new_file(), copy = dup(fd);
	struct audit *audit;
	struct err err;
	json_t *line;
	struct ip ip;

	TEST("a line has what was decided, in order, and nothing that is not known");
	CHECK(audit_open(fd, "vm-0123abcd", &audit, &err) == 0);
	CHECK(audit_write(audit, &event));
	line = line_at(copy, 0);
	CHECK(number_of(line, "seq") == 1 && number_of(line, "flow") == 7);
	CHECK(number_of(line, "time_ms") > 1700000000000);
	CHECK_STR(text_of(line, "id"), "vm-0123abcd");
	CHECK_STR(text_of(line, "what"), "connect");
	CHECK_STR(text_of(line, "verdict"), "allow");
	CHECK_STR(text_of(line, "rule"), "allow-host example.test");
	CHECK_STR(text_of(line, "host"), "example.test");
	CHECK(number_of(line, "port") == 443);
	CHECK(!json_object_get(line, "reason") && !json_object_get(line, "sent"));
	json_decref(line);

	TEST("a denial says why and what would allow it");
	verdict = (struct policy_verdict){.reason = "not on the list", .remedy = "do this"};
	CHECK(audit_write(audit, &event));
	line = line_at(copy, 1);
	CHECK(number_of(line, "seq") == 2);
	CHECK_STR(text_of(line, "verdict"), "deny");
	CHECK_STR(text_of(line, "reason"), "not on the list");
	CHECK_STR(text_of(line, "remedy"), "do this");
	json_decref(line);

	TEST("bytes of the guest's reach no terminal, and are cut");
	{
		char path[2000];

		memset(path, 'a', sizeof(path));
		memcpy(path, "/\x1b[2J\n\xff\"", 8);
		event = (struct audit_event){.what = "http",
					     .verdict = &verdict,
					     .method = VIEW_LIT("GET"),
					     .path = {path, sizeof(path)},
					     .status = 403};
		CHECK(audit_write(audit, &event));
		line = line_at(copy, 2);
		CHECK(strncmp(text_of(line, "path"), "/\\x1b[2J\\x0a\\xff\"aaa", 19) == 0);
		CHECK(strlen(text_of(line, "path")) < 600);
		json_decref(line);
	}

	TEST("an end has its counts");
	CHECK(ip_parse("192.0.2.7", &ip));
	event = (struct audit_event){.what = "end",
				     .flow = 7,
				     .ip = &ip,
				     .sent = 10,
				     .received = UINT64_C(1) << 40,
				     .duration_ms = 5};
	CHECK(audit_write(audit, &event));
	line = line_at(copy, 3);
	CHECK_STR(text_of(line, "ip"), "192.0.2.7");
	CHECK(number_of(line, "received") == (json_int_t)1 << 40 && number_of(line, "sent") == 10);
	json_decref(line);
	audit_close(audit);
	close(copy);
}

/* RLIMIT_FSIZE plays the full disk: a write is cut at the limit, then fails. */
static void test_full_disk(void)
{
	struct policy_verdict verdict = {.allowed = true, .rule = "allow-host example.test"};
	const struct audit_event event = {
		.what = "dns", .verdict = &verdict, .host = "example.test"};
	int fd = new_file(), copy = dup(fd);
	struct rlimit before, small;
	struct audit *audit;
	struct err err;
	json_t *line;
	off_t one;

	TEST("what cannot be recorded is said, and no line is lost or half");
	signal(SIGXFSZ, SIG_IGN);
	CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
	CHECK(audit_open(fd, "vm-0123abcd", &audit, &err) == 0);
	CHECK(audit_write(audit, &event));
	one = lseek(copy, 0, SEEK_END);
	small = (struct rlimit){(rlim_t)(one + one / 2), before.rlim_max};
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	CHECK(!audit_write(audit, &event)); /* half of it */
	CHECK(!audit_write(audit, &event)); /* nothing */
	CHECK(lseek(copy, 0, SEEK_END) == one + one / 2);
	CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
	CHECK(audit_write(audit, &event)); /* the other half, and itself */
	for (size_t i = 0; i < 3; i++) {
		line = line_at(copy, i);
		CHECK(number_of(line, "seq") == (json_int_t)i + 1);
		json_decref(line);
	}
	CHECK(!line_at(copy, 3));

	TEST("an audit that has reached its size takes no more");
	CHECK(ftruncate(copy, LIMIT_AUDIT_BYTES) == 0);
	audit_close(audit);
	CHECK(audit_open(dup(copy), "vm-0123abcd", &audit, &err) == 0);
	CHECK(!audit_write(audit, &event));
	CHECK(ftruncate(copy, 0) == 0); /* as logrotate's copytruncate does */
	CHECK(audit_write(audit, &event));
	audit_close(audit);
	close(copy);
}

int main(void)
{
	test_lines();
	test_full_disk();
	return tap_done();
}
