// SPDX-License-Identifier: MIT
/*
 * The guest's name server without a guest, for tests/names.sh and bench/: the real server and the
 * real resolver process in its jail, asked from outside.
 *
 *	name_server PROGRAM AUDIT serve ADDRESS [ALLOWED...]	at port 53, UDP and TCP, until
 *								standard input ends
 *	name_server PROGRAM AUDIT addresses NAME...		what the resolver says
 */
#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/proc.h"
#include "base/strv.h"
#include "gateway/audit.h"
#include "gateway/dns_pool.h"
#include "gateway/dns_server.h"
#include "gateway/resolver.h"
#include "gateway/resolver_jail.h"
#include "gateway/upstream.h"
#include "policy/policy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { PORT_DNS = 53, BACKLOG = 64 };

struct bed {
	uv_loop_t loop;
	struct gateway gateway;
	struct counters counters;
	struct policy *policy;
	struct dns_server *server;
	struct proc child;
	uv_poll_t input, accepting;
	int listen_fd;
	int pending; /* names that are looked up */
};

static void die(const struct err *err)
{
	fprintf(stderr, "name_server: %s\n", err->msg);
	exit(1);
}

static int start_resolver(struct bed *bed, const char *program)
{
	AUTO(auto_strv) char **args = NULL;
	AUTO_FD int theirs = -1;
	struct proc_spec spec = PROC_SPEC_INIT;
	char *const no_environment[] = {NULL};
	struct resolver_jail jail;
	struct err err;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		exit(1);
	theirs = pair[1];
	strv_add(&args, program);
	strv_add(&args, "__resolver");
	resolver_jail_init(&jail, program);
	resolver_jail_use(&jail, &spec);
	spec.argv = args;
	spec.env = no_environment;
	spec.stderr_fd = STDERR_FILENO;
	spec.fds = &theirs;
	spec.fd_count = 1;
	if (proc_start(&spec, &bed->child, &err) < 0)
		die(&err);
	return pair[0];
}

static void bed_open(struct bed *bed, const char *program, const char *audit)
{
	int resolver_fd, audit_fd;
	struct err err;

	*bed = (struct bed){.child = PROC_INIT};
	resolver_fd = start_resolver(bed, program);
	audit_fd = open(audit, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	uv_loop_init(&bed->loop);
	bed->gateway.loop = &bed->loop;
	bed->gateway.counters = &bed->counters;
	bed->gateway.pool = dns_pool_new(LIMIT_DNS_NAMES, LIMIT_DNS_LIFETIME_MS);
	if (audit_fd < 0 || audit_open(audit_fd, "vm-1", &bed->gateway.audit, &err) < 0 ||
	    resolver_open(&bed->loop, resolver_fd, &bed->gateway.resolver, &err) < 0 ||
	    upstream_new(&bed->loop, bed->gateway.resolver, NULL, NULL, &bed->gateway.upstream,
			 &err) < 0)
		die(&err);
}

static void bed_close(struct bed *bed)
{
	struct err err;
	int status = 0;

	upstream_free(bed->gateway.upstream);
	resolver_close(bed->gateway.resolver);
	uv_run(&bed->loop, UV_RUN_DEFAULT);
	uv_loop_close(&bed->loop);
	audit_close(bed->gateway.audit);
	dns_pool_free(bed->gateway.pool);
	policy_free(bed->policy);
	if (proc_wait(&bed->child, 5000, &status, &err) < 0)
		die(&err);
	if (status != 0)
		fprintf(stderr, "name_server: resolver: status %d\n", status);
}

/* --- addresses --- */

struct lookup {
	struct bed *bed;
	const char *name;
};

static void on_addresses(void *ctx, const struct resolver_reply *reply)
{
	const struct lookup *lookup = ctx;
	char text[IP_TEXT];

	printf("%s %d", lookup->name, reply->rcode);
	for (size_t i = 0; i < reply->ip_count; i++) {
		ip_format(&reply->ips[i], text);
		printf(" %s", text);
	}
	printf("\n");
	lookup->bed->pending--;
}

static void show_addresses(struct bed *bed, char **names)
{
	struct lookup lookups[64];

	for (; names[bed->pending]; bed->pending++) {
		lookups[bed->pending] = (struct lookup){bed, names[bed->pending]};
		resolver_addresses(bed->gateway.resolver, names[bed->pending], on_addresses,
				   &lookups[bed->pending]);
	}
	while (bed->pending > 0)
		uv_run(&bed->loop, UV_RUN_ONCE);
}

/* --- serve --- */

static int open_socket(const char *address, int type)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT_DNS)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	inet_pton(AF_INET, address, &at.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		perror("name_server: bind");
		exit(1);
	}
	return fd;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	struct bed *bed = poll->data;
	int fd = accept4(bed->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)status;
	(void)events;
	if (fd >= 0)
		dns_server_accept(bed->server, fd);
}

static void on_input(uv_poll_t *poll, int status, int events)
{
	char byte;

	(void)events;
	if (status < 0 || read(STDIN_FILENO, &byte, 1) <= 0)
		uv_stop(poll->loop);
}

static void serve(struct bed *bed, const char *address, char **allowed)
{
	const struct policy_spec spec = {.listed = *allowed, .allow_hosts = allowed};
	const struct policy_facts facts = {.id = "vm-1"};
	int udp_fd = open_socket(address, SOCK_DGRAM);
	struct err err;

	bed->listen_fd = open_socket(address, SOCK_STREAM);
	setsockopt(udp_fd, IPPROTO_IP, IP_PKTINFO, &(int){1}, sizeof(int));
	if (listen(bed->listen_fd, BACKLOG) < 0 ||
	    policy_new(&spec, &facts, &bed->policy, &err) < 0)
		die(&err);
	bed->gateway.policy = bed->policy;
	if (dns_server_open(&bed->gateway, udp_fd, &bed->server, &err) < 0)
		die(&err);
	bed->input.data = bed->accepting.data = bed;
	uv_poll_init(&bed->loop, &bed->input, STDIN_FILENO);
	uv_poll_init(&bed->loop, &bed->accepting, bed->listen_fd);
	uv_poll_start(&bed->input, UV_READABLE, on_input);
	uv_poll_start(&bed->accepting, UV_READABLE, on_connection);
	puts("ready");
	fflush(stdout);
	uv_run(&bed->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&bed->input, NULL);
	uv_close((uv_handle_t *)&bed->accepting, NULL);
	dns_server_close(bed->server);
}

int main(int argc, char **argv)
{
	struct bed bed;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 5) {
		fprintf(stderr, "usage: name_server PROGRAM AUDIT serve|addresses ARG...\n");
		return 1;
	}
	bed_open(&bed, argv[1], argv[2]);
	if (strcmp(argv[3], "serve") == 0)
		serve(&bed, argv[4], argv + 5);
	else
		show_addresses(&bed, argv + 4);
	bed_close(&bed);
	return 0;
}
