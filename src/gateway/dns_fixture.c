// SPDX-License-Identifier: MIT
/* The guest's name server for tests: see dns_fixture.h. */
#include "gateway/dns_fixture.h"

#include "base/fd.h"
#include "base/strv.h"
#include "gateway/audit.h"
#include "gateway/dns_pool.h"
#include "gateway/resolver.h"
#include "gateway/upstream.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { WAIT_MS = 20000 };

/* ---- the world around the server ---- */

bool upstream_by_proxy(const struct upstream *upstream, const char *host, uint16_t port)
{
	CHECK(port == 443);
	return upstream->by_proxy && strcmp(upstream->by_proxy, host) == 0;
}

void answer_question(struct bed *bed, const struct resolver_question *question)
{
	AUTO_BUF struct buf packet = BUF_INIT(LIMIT_RESOLVER_PACKET);
	static struct resolver_answer answer;
	static char text[40000];

	answer = (struct resolver_answer){.id = question->id};
	if (strncmp(question->name, "missing", 7) == 0) {
		answer.rcode = DNS_NXDOMAIN;
	} else if (strncmp(question->name, "broken", 6) == 0) {
		answer.rcode = DNS_SERVFAIL;
	} else if (question->type == RESOLVER_ADDRESSES) {
		const char *ip =
			strncmp(question->name, "six", 3) == 0 ? "2606:4700::1" : "93.184.216.34";

		answer.ip_count = strncmp(question->name, "empty", 5) != 0;
		CHECK(ip_parse(ip, &answer.ips[0]));
	} else if (question->type == DNS_TXT && strncmp(question->name, "big", 3) == 0) {
		for (size_t i = 0; i < sizeof(text); i += 250)
			text[i] = (char)249;
		answer.record_count = 1;
		answer.records[0] =
			(struct dns_record){DNS_TXT, 7, {text, sizeof(text) / 250 * 250}};
	} else if (question->type == DNS_TXT) {
		answer.record_count = 1;
		answer.records[0] = (struct dns_record){DNS_TXT, 9999, VIEW_LIT("\5hello")};
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
	if (bed->asked < ASKED_MAX)
		bed->questions[bed->asked] = question;
	bed->asked++;
	if (strncmp(question.name, "held", 4) == 0)
		bed->held[bed->held_count++ % ASKED_MAX] = question;
	else
		answer_question(bed, &question);
}

static void on_alarm(uv_timer_t *timer)
{
	((struct bed *)timer->data)->late = true;
}

char **words(const char *text)
{
	AUTO_FREE char *copy = strdup(text);
	char **list = NULL;

	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		strv_add(&list, word);
	return list;
}

void set_policy(struct bed *bed, const struct policy_spec *spec)
{
	AUTO(auto_strv) char **add_hosts = words("pinned.corp:10.1.2.3");
	const struct policy_facts facts = {.id = "vm-1", .add_hosts = add_hosts};
	struct err err;

	policy_free(bed->policy);
	bed->policy = NULL;
	CHECK(policy_new(spec, &facts, &bed->policy, &err) == 0);
	bed->gateway.policy = bed->policy;
}

void set_list(struct bed *bed, const char *text)
{
	AUTO(auto_strv) char **hosts = words(text);

	set_policy(bed, &(struct policy_spec){.listed = true, .allow_hosts = hosts});
}

static void open_sockets(struct bed *bed, int *ret_udp, int *ret_resolver)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	socklen_t len = sizeof(any);
	int pair[2] = {-1, -1};
	char path[] = "/tmp/dns-server-test-XXXXXX";

	*ret_udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CHECK(setsockopt(*ret_udp, IPPROTO_IP, IP_PKTINFO, &(int){1}, sizeof(int)) == 0);
	CHECK(bind(*ret_udp, (struct sockaddr *)&any, sizeof(any)) == 0);
	CHECK(getsockname(*ret_udp, (struct sockaddr *)&any, &len) == 0);
	bed->port = ntohs(any.sin_port);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	*ret_resolver = pair[0];
	bed->child_fd = pair[1];
	bed->client_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	any.sin_addr.s_addr = inet_addr("127.0.0.53");
	CHECK(connect(bed->client_fd, (struct sockaddr *)&any, sizeof(any)) == 0);
	bed->audit_fd = mkostemp(path, O_APPEND | O_CLOEXEC);
	CHECK(bed->audit_fd >= 0);
	unlink(path);
}

void bed_open(struct bed *bed, size_t pool_max, const char *audit)
{
	int udp_fd, resolver_fd, audit_fd;
	struct err err;

	*bed = (struct bed){0};
	uv_loop_init(&bed->loop);
	open_sockets(bed, &udp_fd, &resolver_fd);
	audit_fd = audit ? open(audit, O_WRONLY | O_CLOEXEC)
			 : fcntl(bed->audit_fd, F_DUPFD_CLOEXEC, 0);
	bed->gateway = (struct gateway){.loop = &bed->loop,
					.pool = dns_pool_new(pool_max, LIMIT_DNS_LIFETIME_MS),
					.upstream = &bed->upstream,
					.counters = &bed->counters};
	set_policy(bed, &(struct policy_spec){0});
	CHECK(audit_open(audit_fd, "vm-1", &bed->gateway.audit, &err) == 0);
	CHECK(resolver_open(&bed->loop, resolver_fd, &bed->gateway.resolver, &err) == 0);
	CHECK(dns_server_open(&bed->gateway, udp_fd, &bed->server, &err) == 0);
	uv_poll_init(&bed->loop, &bed->child, bed->child_fd);
	bed->child.data = bed;
	uv_poll_start(&bed->child, UV_READABLE, on_question);
	uv_timer_init(&bed->loop, &bed->alarm);
	bed->alarm.data = bed;
}

void bed_close(struct bed *bed)
{
	dns_server_close(bed->server);
	resolver_close(bed->gateway.resolver);
	uv_close((uv_handle_t *)&bed->child, NULL);
	uv_close((uv_handle_t *)&bed->alarm, NULL);
	CHECK(uv_run(&bed->loop, UV_RUN_DEFAULT) == 0);
	CHECK(uv_loop_close(&bed->loop) == 0);
	close(bed->child_fd);
	close(bed->client_fd);
	close(bed->audit_fd);
	audit_close(bed->gateway.audit);
	dns_pool_free(bed->gateway.pool);
	policy_free(bed->policy);
}

static void on_client(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	*(bool *)poll->data = true;
}

bool await(struct bed *bed, int fd)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));
	bool ready = false;

	bed->late = false;
	uv_poll_init(&bed->loop, poll, fd);
	poll->data = &ready;
	uv_poll_start(poll, UV_READABLE | UV_DISCONNECT, on_client);
	uv_timer_start(&bed->alarm, on_alarm, WAIT_MS, 0);
	while (!ready && !bed->late)
		uv_run(&bed->loop, UV_RUN_ONCE);
	uv_timer_stop(&bed->alarm);
	uv_close((uv_handle_t *)poll, (uv_close_cb)free);
	return ready;
}

void run_some(struct bed *bed)
{
	for (int i = 0; i < 20; i++)
		uv_run(&bed->loop, UV_RUN_NOWAIT);
}

/* ---- queries and replies ---- */

enum { QUERY_ID = 0x1234 };

void put_query(struct buf *out, const char *name, uint16_t type)
{
	static const char header[] = "\x12\x34\1\0\0\1\0\0\0\0\0";
	char tail[] = {(char)(type >> 8), (char)type, 0, 1};

	buf_put(out, header, sizeof(header));
	if (*name)
		dns_put_name(out, name);
	else
		buf_putc(out, '\0');
	buf_put(out, tail, sizeof(tail));
}

void parse_reply(struct reply *reply)
{
	ns_msg message;
	ns_rr record;

	CHECK(ns_initparse(reply->bytes, (int)reply->len, &message) == 0);
	CHECK(ns_msg_id(message) == QUERY_ID && ns_msg_getflag(message, ns_f_qr));
	reply->rcode = ns_msg_getflag(message, ns_f_rcode);
	reply->cut = ns_msg_getflag(message, ns_f_tc);
	reply->count = ns_msg_count(message, ns_s_an);
	if (reply->count == 0)
		return;
	CHECK(ns_parserr(&message, ns_s_an, 0, &record) == 0);
	reply->type = record.type;
	reply->ttl = record.ttl;
	reply->data = (struct view){(const char *)ns_rr_rdata(record), ns_rr_rdlen(record)};
}

void receive(struct bed *bed, struct reply *ret_reply)
{
	ssize_t len;

	ret_reply->rcode = -1;
	ret_reply->count = 0;
	if (!await(bed, bed->client_fd))
		return;
	len = recv(bed->client_fd, ret_reply->bytes, sizeof(ret_reply->bytes), MSG_DONTWAIT);
	CHECK(len > 0);
	ret_reply->len = len > 0 ? (size_t)len : 0;
	if (len > 0)
		parse_reply(ret_reply);
}

void ask(struct bed *bed, const char *name, uint16_t type, struct reply *ret_reply)
{
	AUTO_BUF struct buf query = BUF_INIT(512);

	put_query(&query, name, type);
	CHECK(send(bed->client_fd, query.ptr, query.len, 0) == (ssize_t)query.len);
	receive(bed, ret_reply);
}

const char *told(struct bed *bed, const char *name, uint16_t type)
{
	static const char *const rcodes[] = {"NOERROR",	 "FORMERR", "SERVFAIL",
					     "NXDOMAIN", "NOTIMP",  "REFUSED"};
	static char text[512];
	static struct reply reply;
	char ip[INET_ADDRSTRLEN] = "";

	ask(bed, name, type, &reply);
	if (reply.rcode < 0 || reply.rcode >= (int)ARRAY_SIZE(rcodes))
		return "nothing";
	if (reply.count == 0)
		return rcodes[reply.rcode];
	CHECK(reply.type == type && reply.ttl <= LIMIT_DNS_TTL_S);
	if (type == DNS_A)
		inet_ntop(AF_INET, reply.data.ptr, ip, sizeof(ip));
	else if (type == DNS_PTR)
		CHECK(ns_name_ntop((const uint8_t *)reply.data.ptr, ip, sizeof(ip)) > 0);
	else
		snprintf(ip, sizeof(ip), "%.*s", (int)reply.data.len - 1, reply.data.ptr + 1);
	snprintf(text, sizeof(text), "%s %s", rcodes[reply.rcode], ip);
	return text;
}

bool was_asked(const struct bed *bed, const char *name)
{
	for (size_t i = 0; i < MIN(bed->asked, (size_t)ASKED_MAX); i++) {
		if (strcmp(bed->questions[i].name, name) == 0)
			return true;
	}
	return false;
}

size_t audited(const struct bed *bed, const char *text)
{
	static char lines[4 << 20];
	ssize_t len = pread(bed->audit_fd, lines, sizeof(lines) - 1, 0);
	size_t count = 0;

	CHECK(len >= 0);
	lines[len > 0 ? len : 0] = '\0';
	for (const char *at = lines; (at = strstr(at, text)); at++)
		count++;
	return count;
}
