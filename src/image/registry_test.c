// SPDX-License-Identifier: MIT
/* A registry's client against a registry that misbehaves: argv[1], tests/lib/bad_registry.py. */
#include "image/registry.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/tap.h"

#include <curl/curl.h>
#include <stdlib.h>

enum { BLOB_SIZE = 300000 };

static const struct http_config http_config = {
	.connect_ms = 5000, .stall_ms = 1000, .backoff_ms = 10};
static char host[32];
static unsigned char blob[BLOB_SIZE];

static int take(void *ctx, const void *bytes, size_t len, struct err *err)
{
	buf_put(ctx, bytes, len);
	return buf_check(ctx, "blob", err);
}

static int fetch(const struct registry_config *config, struct err *err)
{
	AUTO(auto_registry) struct registry *registry = registry_new(config);
	AUTO(auto_http) struct http *http = http_new(&http_config);
	AUTO_BUF struct buf got = BUF_INIT(BLOB_SIZE * 2);

	if (registry_blob(registry, http, "sha256:x", BLOB_SIZE, take, &got, err) < 0)
		return -1;
	CHECK(got.len == BLOB_SIZE && memcmp(got.ptr, blob, BLOB_SIZE) == 0);
	return 0;
}

/* The blob arrives whole, each byte once. */
static void check_good(const char *repository)
{
	const struct registry_config config = {.host = host,
					       .repository = repository,
					       .username = "user",
					       .password = "pass word",
					       .plain_http = true};
	struct err err = {0};

	if (fetch(&config, &err) == 0)
		return;
	printf("# %s: %s\n", repository, err.msg);
	CHECK(false);
}

/* Fetching fails with this code and "HOST: TEXT". */
static void check_bad(const char *repository, enum err_code code, const char *text)
{
	const struct registry_config config = {
		.host = host, .repository = repository, .plain_http = true};
	AUTO_FREE char *want = xasprintf("%s: %s", host, text);
	struct err err = {0};

	CHECK(fetch(&config, &err) < 0);
	CHECK(err.code == code);
	CHECK_STR(err.msg, want);
}

static void check_cuts(void)
{
	uint64_t before;

	TEST("a blob that is cut goes on where it was");
	check_good("ok");
	check_good("cut");
	check_good("no-range");
	check_good("short");
	check_bad("wrong-range", ERR_PROTOCOL, "asked to continue at byte 150000 it sends 150001");
	check_bad("cut-always", ERR_UNAVAILABLE, "Empty reply from server");

	TEST("a transfer that stalls is cut and goes on");
	before = clock_monotonic_ms();
	check_good("stall");
	CHECK(clock_monotonic_ms() - before < 20000);

	TEST("lies about the length");
	check_bad("long", ERR_PROTOCOL, "sends more than the 300000 bytes it said");
	check_bad("short-always", ERR_PROTOCOL, "short-always/blobs/sha256:x: HTTP 416");
}

static void check_statuses(void)
{
	uint64_t before = clock_monotonic_ms();

	TEST("what may pass is tried again, Retry-After is kept");
	check_good("500-twice");
	check_good("429");
	CHECK(clock_monotonic_ms() - before >= 1000);

	TEST("other statuses are told with the registry's words, bounded and quoted");
	check_bad("404", ERR_NOT_FOUND,
		  "404/blobs/sha256:x: HTTP 404: \"MANIFEST_UNKNOWN: manifest unknown\"");
	check_bad(
		"503", ERR_UNAVAILABLE,
		"503/blobs/sha256:x: HTTP 503: \"UNAVAILABLE: down for \\x1b[31mmaintenance\\n"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"...\"");
}

static void check_logins(void)
{
	struct registry_config config = {
		.host = host, .repository = "bearer", .identity_token = "r/1", .plain_http = true};
	struct err err = {0};

	TEST("logins: basic, token, refresh token, anonymous token");
	check_good("basic");
	check_good("bearer");
	check_good("anon");
	CHECK(fetch(&config, &err) == 0);
	config = (struct registry_config){.host = host, .repository = "anon", .plain_http = true};
	CHECK(fetch(&config, &err) == 0);

	TEST("a login that is missing or refused");
	AUTO_FREE char *needs = xasprintf("HTTP 401: needs a login: run 'docker login %s'", host);
	check_bad("basic", ERR_DENIED, needs);
	AUTO_FREE char *refused = xasprintf("log in at %s: HTTP 401: \"DENIED: who are you\": it "
					    "does not exist, or needs another login (docker login)",
					    host);
	check_bad("denied", ERR_DENIED, refused);

	TEST("redirects: to another host without credentials, never to a file or for ever");
	check_good("redirect");
	check_bad("loop", ERR_PROTOCOL, "redirects more than 10 times");
	check_bad("file", ERR_PROTOCOL, "redirects to nowhere");
}

static void check_documents(void)
{
	const struct registry_config config = {
		.host = host, .repository = "huge", .plain_http = true};
	AUTO(auto_registry) struct registry *registry = registry_new(&config);
	AUTO(auto_http) struct http *http = http_new(&http_config);
	AUTO_BUF struct buf bytes = BUF_INIT(0);
	char digest[DIGEST_TEXT_SIZE];
	struct err err = {0};

	TEST("documents are bounded and have the digest they were asked for");
	CHECK(registry_manifest(registry, http, "latest", &bytes, digest, &err) < 0);
	CHECK(err.code == ERR_LIMIT);
	CHECK(registry_document(registry, http, "sha256:x", UINT64_C(1) << 40, &bytes, &err) < 0);
	CHECK(err.code == ERR_LIMIT);
	CHECK(registry_document(registry, http, "sha256:x", 5 << 19, &bytes, &err) < 0);
	CHECK(err.code == ERR_PROTOCOL);
}

static void check_manifest(void)
{
	const struct registry_config config = {
		.host = host, .repository = "ok", .plain_http = true};
	AUTO(auto_registry) struct registry *registry = registry_new(&config);
	AUTO(auto_http) struct http *http = http_new(&http_config);
	AUTO_BUF struct buf bytes = BUF_INIT(0);
	char digest[DIGEST_TEXT_SIZE], want[DIGEST_TEXT_SIZE];
	struct err err = {0};

	TEST("a manifest by tag and by digest");
	digest_of(blob, sizeof(blob), want);
	CHECK(registry_manifest(registry, http, "latest", &bytes, digest, &err) == 0);
	CHECK(bytes.len == BLOB_SIZE);
	CHECK_STR(digest, want);
	CHECK(registry_manifest(registry, http, want, &bytes, digest, &err) == 0);
	digest_of("", 0, want);
	CHECK(registry_manifest(registry, http, want, &bytes, digest, &err) < 0);
	CHECK(err.code == ERR_PROTOCOL);
}

static int start_server(char *script, struct proc *ret_proc, int *ret_stdin, struct err *err)
{
	AUTO_FREE char *python = NULL;
	struct proc_spec spec = PROC_SPEC_INIT;
	char *argv[3] = {NULL, script, NULL}, port[8] = "";
	int in[2], out[2];

	if (proc_find("python3", &python, err) < 0)
		return -1;
	CHECK(pipe(in) == 0 && pipe(out) == 0);
	argv[0] = python;
	spec.argv = argv;
	spec.stdin_fd = in[0];
	spec.stdout_fd = out[1];
	spec.stderr_fd = 2;
	if (proc_start(&spec, ret_proc, err) < 0)
		return -1;
	CHECK(read(out[0], port, sizeof(port) - 1) > 1);
	snprintf(host, sizeof(host), "127.0.0.1:%d", atoi(port));
	close(in[0]);
	close(out[0]);
	close(out[1]);
	*ret_stdin = in[1];
	return 0;
}

int main(int argc, char **argv)
{
	AUTO(proc_kill) struct proc server = PROC_INIT;
	AUTO_FD int server_stdin = -1;
	struct err err = {0};

	TEST("a registry's client");
	if (argc < 2 || start_server(argv[1], &server, &server_stdin, &err) < 0) {
		SKIP(err.msg);
		return tap_done();
	}
	for (size_t i = 0; i < sizeof(blob); i++)
		blob[i] = (unsigned char)(i * 7 + i / 251);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	check_cuts();
	check_statuses();
	check_logins();
	check_documents();
	check_manifest();
	curl_global_cleanup();
	return tap_done();
}
