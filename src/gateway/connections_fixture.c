// SPDX-License-Identifier: MIT
/* The guest's connections for tests: see connections_fixture.h. */
#include "gateway/connections_fixture.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"
#include "gateway/audit.h"
#include "gateway/dns_pool.h"
#include "gateway/pipe_pool.h"
#include "gateway/resolver.h"
#include "gateway/resolver_wire.h"
#include "gateway/upstream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 20000, QUIET_MS = 100, QUEUE = 2048 };

/* ---- the namespace ---- */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

bool enter_namespace(void)
{
	char map[32];

	snprintf(map, sizeof(map), "0 %u 1", getuid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	write_file("/proc/self/uid_map", map);
	CHECK(system("ip link set lo up && ip addr add 198.18.0.1/15 dev lo &&"
		     " ip addr add 10.0.0.1/32 dev lo &&"
		     " for n in 1 2 3; do ip addr add 2606:4700::$n/128 dev lo nodad; done") == 0);
	return true;
}

static int listener(int family, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr *at = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int yes = 1;

	if (family == AF_INET6)
		CHECK(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) == 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0);
	CHECK(bind(fd, at, family == AF_INET ? sizeof(v4) : sizeof(v6)) == 0);
	CHECK(listen(fd, QUEUE) == 0);
	return fd;
}

/* ---- the resolver ---- */

static const struct known {
	const char *name, *ips[2];
} known[] = {
	{"example.com", {"2606:4700::1"}}, {"other.com", {"2606:4700::2"}},
	{"third.com", {"2606:4700::3"}},   {"both.com", {"2606:4700::1", "93.184.216.34"}},
	{"private.com", {"10.0.0.1"}},	   {"mixed.com", {"2606:4700::1", "10.0.0.1"}},
	{"dead.com", {"2606:4700::9"}},
};

static void answer(struct bed *bed, const struct resolver_question *question)
{
	AUTO_BUF struct buf packet = BUF_INIT(LIMIT_RESOLVER_PACKET);
	static struct resolver_answer answer;

	answer = (struct resolver_answer){.id = question->id, .rcode = DNS_NXDOMAIN};
	if (strcmp(question->name, "broken.com") == 0)
		answer.rcode = DNS_SERVFAIL;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(question->name, known[i].name) != 0)
			continue;
		answer.rcode = DNS_NOERROR;
		for (; answer.ip_count < 2 && known[i].ips[answer.ip_count]; answer.ip_count++)
			CHECK(ip_parse(known[i].ips[answer.ip_count],
				       &answer.ips[answer.ip_count]));
	}
	resolver_answer_pack(&packet, &answer);
	CHECK(send(bed->child_fd, packet.ptr, packet.len, MSG_NOSIGNAL) == (ssize_t)packet.len);
}

static void on_question(uv_poll_t *poll, int status, int events)
{
	struct bed *bed = poll->data;
	struct resolver_question question;
	char packet[RESOLVER_QUESTION_MAX];
	ssize_t len = recv(bed->child_fd, packet, sizeof(packet), MSG_DONTWAIT);
	struct err err;

	(void)events;
	if (status < 0 || len <= 0) {
		uv_poll_stop(poll);
		return;
	}
	CHECK(resolver_question_unpack((struct view){packet, (size_t)len}, &question, &err) == 0);
	bed->asked++;
	if (strcmp(question.name, "held.com") != 0)
		answer(bed, &question);
}

/* ---- the bed ---- */

static struct connections *connections_at(struct bed *bed, uint16_t port)
{
	struct connections *connections = NULL;
	struct err err;

	CHECK(connections_open(&bed->gateway, listener(AF_INET, port), NULL, &connections, &err) ==
	      0);
	return connections;
}

static void open_parts(struct bed *bed, const struct bed_spec *spec)
{
	struct gateway *gateway = &bed->gateway;
	char path[] = "/tmp/connections-test-XXXXXX";
	int pair[2] = {-1, -1}, audit_fd;
	struct err err;

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	bed->child_fd = pair[1];
	bed->audit_fd = mkostemp(path, O_APPEND | O_CLOEXEC);
	unlink(path);
	*gateway = (struct gateway){.loop = &bed->loop,
				    .pool = dns_pool_new(LIMIT_DNS_NAMES, LIMIT_DNS_LIFETIME_MS),
				    .pipes = pipe_pool_new(),
				    .counters = &bed->counters};
	audit_fd = spec->audit ? open(spec->audit, O_WRONLY | O_CLOEXEC)
			       : fcntl(bed->audit_fd, F_DUPFD_CLOEXEC, 0);
	CHECK(audit_open(audit_fd, "vm-1", &gateway->audit, &err) == 0);
	CHECK(resolver_open(&bed->loop, pair[0], &gateway->resolver, &err) == 0);
	CHECK(upstream_new(&bed->loop, gateway->resolver, spec->proxy, NULL, &gateway->upstream,
			   &err) == 0);
}

static void on_alarm(uv_timer_t *timer)
{
	((struct bed *)timer->data)->late = true;
	uv_stop(timer->loop); /* else this turn waits for something else first */
}

void bed_open(struct bed *bed, const struct bed_spec *spec)
{
	*bed = (struct bed){.told = BUF_INIT(TOLD_MAX)};
	uv_loop_init(&bed->loop);
	open_parts(bed, spec);
	set_policy(bed, &(struct policy_spec){0});
	bed->at_80 = connections_at(bed, 80);
	bed->at_443 = connections_at(bed, 443);
	bed->at_22 = connections_at(bed, 22);
	bed->server_80 = listener(AF_INET6, 80);
	bed->server_443 = listener(AF_INET6, 443);
	bed->server_22 = listener(AF_INET6, 22);
	uv_poll_init(&bed->loop, &bed->child, bed->child_fd);
	bed->child.data = bed;
	uv_poll_start(&bed->child, UV_READABLE, on_question);
	uv_timer_init(&bed->loop, &bed->alarm);
	bed->alarm.data = bed;
}

void bed_close(struct bed *bed)
{
	connections_close(bed->at_80);
	connections_close(bed->at_443);
	connections_close(bed->at_22);
	CHECK(bed->counters.open == 0);
	upstream_free(bed->gateway.upstream);
	resolver_close(bed->gateway.resolver);
	uv_close((uv_handle_t *)&bed->child, NULL);
	uv_close((uv_handle_t *)&bed->alarm, NULL);
	CHECK(uv_run(&bed->loop, UV_RUN_DEFAULT) == 0);
	CHECK(uv_loop_close(&bed->loop) == 0);
	close(bed->server_80);
	close(bed->server_443);
	close(bed->server_22);
	close(bed->child_fd);
	close(bed->audit_fd);
	audit_close(bed->gateway.audit);
	pipe_pool_free(bed->gateway.pipes);
	dns_pool_free(bed->gateway.pool);
	policy_free(bed->policy);
	buf_done(&bed->told);
}

void set_policy(struct bed *bed, const struct policy_spec *spec)
{
	char mapping[] = "mapped.corp:2606:4700::3";
	char *add_hosts[] = {mapping, NULL};
	const struct policy_facts facts = {.id = "vm-1", .add_hosts = add_hosts};
	struct policy *before = bed->policy;
	struct err err;

	CHECK(policy_new(spec, &facts, &bed->policy, &err) == 0);
	bed->gateway.policy = bed->policy;
	policy_free(before);
}

void set_list(struct bed *bed, const char *hosts)
{
	AUTO_FREE char *copy = xstrdup(hosts);
	AUTO(auto_strv) char **list = NULL;

	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		strv_add(&list, word);
	set_policy(bed, &(struct policy_spec){.listed = true, .allow_hosts = list});
}

/* ---- time ---- */

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	*(bool *)poll->data = true;
	uv_poll_stop(poll);
}

static void on_freed(uv_handle_t *handle)
{
	free(handle);
}

bool await(struct bed *bed, int fd, uint64_t ms)
{
	uv_poll_t *poll = xcalloc(1, sizeof(*poll));
	bool ready = false;

	CHECK(uv_poll_init(&bed->loop, poll, fd) == 0);
	poll->data = &ready;
	uv_poll_start(poll, UV_READABLE, on_readable);
	bed->late = false;
	uv_timer_start(&bed->alarm, on_alarm, ms, 0);
	while (!ready && !bed->late)
		uv_run(&bed->loop, UV_RUN_ONCE);
	uv_timer_stop(&bed->alarm);
	uv_close((uv_handle_t *)poll, on_freed);
	return ready;
}

void run_ms(struct bed *bed, uint64_t ms)
{
	bed->late = false;
	uv_timer_start(&bed->alarm, on_alarm, ms, 0);
	while (!bed->late)
		uv_run(&bed->loop, UV_RUN_ONCE);
}

/* ---- the guest and the servers ---- */

int guest_to(struct bed *bed, const char *host, uint16_t port)
{
	struct sockaddr_storage at;
	socklen_t size;
	struct ip ip;
	struct err err;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!ip_parse(host, &ip))
		CHECK(dns_pool_address(bed->gateway.pool, host, uv_now(&bed->loop), &ip, &err) ==
		      0);
	size = ip_to_sockaddr(&ip, port, &at);
	CHECK(connect(fd, (struct sockaddr *)&at, size) == 0);
	return fd;
}

int accepted(struct bed *bed, int server)
{
	if (!await(bed, server, WAIT_MS))
		return -1;
	return accept4(server, NULL, NULL, SOCK_CLOEXEC);
}

bool nobody_called(struct bed *bed)
{
	run_ms(bed, QUIET_MS);
	return accept4(bed->server_80, NULL, NULL, SOCK_CLOEXEC) < 0 &&
	       accept4(bed->server_443, NULL, NULL, SOCK_CLOEXEC) < 0 &&
	       accept4(bed->server_22, NULL, NULL, SOCK_CLOEXEC) < 0;
}

void say(int fd, struct view bytes)
{
	CHECK(send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL) == (ssize_t)bytes.len);
}

void say_text(int fd, const char *text)
{
	say(fd, view_of(text));
}

/* Appends what comes next; NULL: there was something. */
static const char *hear(struct bed *bed, int fd)
{
	char piece[65536];
	ssize_t len;

	if (!await(bed, fd, WAIT_MS))
		return "nothing";
	len = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);
	if (len < 0)
		return errno == ECONNRESET ? "reset" : "an error";
	if (len == 0)
		return "";
	buf_put(&bed->told, piece, (size_t)len);
	return NULL;
}

const char *told(struct bed *bed, int fd)
{
	return told_all(bed, fd, 1);
}

const char *told_all(struct bed *bed, int fd, size_t len)
{
	const char *other = NULL;

	buf_clear(&bed->told);
	while (!other && bed->told.len < len)
		other = hear(bed, fd);
	return other && bed->told.len == 0 ? other : bed->told.ptr;
}

/* ---- the audit ---- */

static void put_line(struct buf *out, const char *line)
{
	static const char *const dropped[] = {"seq", "time",  "time_ms",
					      "id",  "entry", "duration_ms"};
	json_t *json = json_loads(line, 0, NULL);
	char *text;

	CHECK(json);
	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
		json_object_del(json, dropped[i]);
	text = json_dumps(json, JSON_COMPACT);
	buf_printf(out, "%s\n", text);
	free(text);
	json_decref(json);
}

const char *audited(struct bed *bed)
{
	AUTO_BUF struct buf lines = BUF_INIT(TOLD_MAX);
	char piece[4096], *rest;
	ssize_t len;

	while ((len = pread(bed->audit_fd, piece, sizeof(piece), bed->audit_seen)) > 0) {
		buf_put(&lines, piece, (size_t)len);
		bed->audit_seen += len;
	}
	buf_clear(&bed->told);
	rest = lines.ptr;
	for (char *line = strtok(rest, "\n"); line; line = strtok(NULL, "\n"))
		put_line(&bed->told, line);
	return bed->told.ptr;
}

/* ---- TLS ---- */

static void put_number(struct buf *out, size_t number, size_t size)
{
	while (size-- > 0)
		buf_putc(out, (char)(number >> 8 * size));
}

void put_hello(struct buf *out, const char *name)
{
	size_t len = strlen(name), sni = len > 0 ? 9 + len : 0;
	size_t extensions = sni > 0 ? sni : 0, body = 2 + 32 + 1 + 2 + 2 + 2 + 2 + extensions;

	buf_puts(out, "\x16\x03\x01");
	put_number(out, 4 + body, 2);
	buf_putc(out, 1);
	put_number(out, body, 3);
	buf_puts(out, "\x03\x03");
	for (size_t i = 0; i < 32; i++)
		buf_putc(out, (char)i);
	put_number(out, 0, 1); /* session */
	put_number(out, 2, 2); /* one cipher suite */
	put_number(out, 0x1301, 2);
	put_number(out, 0x0100, 2); /* no compression */
	put_number(out, extensions, 2);
	if (sni == 0)
		return;
	put_number(out, 0, 2);
	put_number(out, 5 + len, 2);
	put_number(out, 3 + len, 2);
	put_number(out, 0, 1);
	put_number(out, len, 2);
	buf_puts(out, name);
}
