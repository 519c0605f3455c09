// SPDX-License-Identifier: MIT
/*
 * net_probe: the program of a guest that looks for a way out, static, for tests/network.sh and
 * tests/escape.sh.  What is asked for comes on standard input, one thing a line; all of it is done
 *at once, and told in the same order.
 *
 *	net_probe tcp	"TARGET PORT SAY": connects, says something, tells what comes back
 *	net_probe dns	"NAME TYPE [SERVER]": asks 8.8.8.8 or the server
 *	net_probe frames	sends each of net_hostile.h and others from eth0, tells how many
 *
 * TARGET is an address, or a name that is asked for first.  SAY is "-" (nothing: the server speaks
 * first), "http:NAME[/PATH]", "tls:NAME", "ech:NAME", "query:NAME" (DNS), or "text:" with \r \n \\.
 *
 * "... -> STATE TEXT": STATE is what became of the connection: "open", "closed", "reset", or
 * "failed" or "silence" before there was one, "unknown" where the name is.
 */
#include "net_guest.h"
#include "net_hostile.h"
#include "net_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TALKS_MAX = 3000, LINE_SIZE = 600, SHOWN = 300, QUIET_MS = 3000, NAMES_PORT = 53 };

struct talk {
	char line[LINE_SIZE];
	int fd; /* -1 = over */
	struct message say;
	size_t said;
	uint8_t got[SHOWN];
	size_t got_len;
	int dns_at; /* where in it a DNS message begins; -1 = it is something else */
	const char *state;
};

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct sockaddr_in address_of(in_addr_t address, int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_addr.s_addr = address,
				    .sin_port = htons((uint16_t)port)};
}

/* --- names --- */

/* The answer to one query over UDP; how long it is, 0 = none came. */
static size_t ask(const char *server, const struct message *query, uint8_t *answer, size_t size)
{
	struct sockaddr_in to = address_of(inet_addr(server), NAMES_PORT);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	ssize_t len = 0;

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
	    send(fd, query->bytes, query->len, 0) > 0 && poll(&ready, 1, QUIET_MS) == 1)
		len = recv(fd, answer, size, 0);
	close(fd);
	return len > 0 ? (size_t)len : 0;
}

/* INADDR_NONE: it has no address. */
static in_addr_t find(const char *target)
{
	char text[SHOWN], *address;
	uint8_t answer[MESSAGE_SIZE];
	struct message query;

	if (inet_addr(target) != INADDR_NONE)
		return inet_addr(target);
	message_query(&query, target, "A", 1);
	message_describe(answer, ask("8.8.8.8", &query, answer, sizeof(answer)), text,
			 sizeof(text));
	address = strchr(text, ' ');
	return address ? inet_addr(strtok(address, " ")) : INADDR_NONE;
}

/* --- connections --- */

static void put_text(struct message *message, const char *text)
{
	for (; *text && message->len < MESSAGE_SIZE; text++) {
		char c = *text;

		if (c == '\\' && text[1])
			c = *++text == 'r' ? '\r' : *text == 'n' ? '\n' : *text;
		message->bytes[message->len++] = (uint8_t)c;
	}
}

static void prepare_query(struct talk *talk, const char *name)
{
	struct message query;

	message_query(&query, name, "A", 1);
	talk->say.bytes[0] = (uint8_t)(query.len >> 8);
	talk->say.bytes[1] = (uint8_t)query.len;
	memcpy(talk->say.bytes + 2, query.bytes, query.len);
	talk->say.len = 2 + query.len;
	talk->dns_at = 2;
}

static void prepare(struct talk *talk, const char *say)
{
	const char *what = strchr(say, ':');
	char text[LINE_SIZE * 2];
	const char *path;

	talk->dns_at = -1;
	if (!what)
		return;
	what++;
	path = strchr(what, '/');
	if (strncmp(say, "tls:", 4) == 0 || strncmp(say, "ech:", 4) == 0) {
		message_hello(&talk->say, what, *say == 'e');
	} else if (strncmp(say, "http:", 5) == 0) {
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\\r\\nHost: %.*s\\r\\n\\r\\n",
			 path ? path : "/", path ? (int)(path - what) : (int)strlen(what), what);
		put_text(&talk->say, text);
	} else if (strncmp(say, "query:", 6) == 0) {
		prepare_query(talk, what);
	} else {
		put_text(&talk->say, what);
	}
}

static void finish(struct talk *talk, const char *state)
{
	talk->state = state;
	if (talk->fd >= 0)
		close(talk->fd);
	talk->fd = -1;
}

static void talk_start(struct talk *talk)
{
	char target[LINE_SIZE], say[LINE_SIZE];
	struct sockaddr_in to;
	in_addr_t address;
	int port;

	talk->fd = -1;
	if (sscanf(talk->line, "%599s %d %599[^\n]", target, &port, say) != 3) {
		finish(talk, "unreadable");
		return;
	}
	prepare(talk, say);
	address = find(target);
	if (address == INADDR_NONE) {
		finish(talk, "unknown");
		return;
	}
	to = address_of(address, port);
	talk->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connect(talk->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
		finish(talk, "failed");
}

static const char *state_of(const struct talk *talk, int error)
{
	return error == ECONNRESET || error == EPIPE ? "reset" : talk->said ? "broken" : "failed";
}

static void keep(struct talk *talk, const uint8_t *bytes, size_t len)
{
	size_t room = SHOWN - talk->got_len;

	memcpy(talk->got + talk->got_len, bytes, len < room ? len : room);
	talk->got_len += len < room ? len : room;
}

static void talk_go_on(struct talk *talk)
{
	uint8_t bytes[4096];
	ssize_t done;

	if (talk->said < talk->say.len) {
		done = send(talk->fd, talk->say.bytes + talk->said, talk->say.len - talk->said,
			    MSG_NOSIGNAL);
		if (done > 0)
			talk->said += (size_t)done;
		if (done < 0 && errno != EAGAIN) { /* told only once */
			finish(talk, state_of(talk, errno));
			return;
		}
	}
	done = recv(talk->fd, bytes, sizeof(bytes), 0);
	if (done > 0)
		keep(talk, bytes, (size_t)done);
	else if (done == 0)
		finish(talk, "closed");
	else if (errno != EAGAIN)
		finish(talk, state_of(talk, errno));
}

/* One round; whether something happened. */
static bool wait_for(struct talk *talks, size_t count, struct pollfd *ready)
{
	int some;

	for (size_t i = 0; i < count; i++) {
		bool all_said = talks[i].said == talks[i].say.len;

		ready[i] = (struct pollfd){.fd = talks[i].fd,
					   .events = (short)(POLLIN | (all_said ? 0 : POLLOUT))};
	}
	some = poll(ready, count, QUIET_MS / 10);
	for (size_t i = 0; i < count && some > 0; i++) {
		if (ready[i].revents)
			talk_go_on(&talks[i]);
	}
	return some > 0;
}

static size_t count_open(const struct talk *talks, size_t count)
{
	size_t open = 0;

	for (size_t i = 0; i < count; i++)
		open += talks[i].fd >= 0;
	return open;
}

/* --- what is asked for --- */

static size_t read_talks(struct talk *talks)
{
	size_t count = 0;

	while (count < TALKS_MAX && fgets(talks[count].line, LINE_SIZE, stdin)) {
		talks[count].line[strcspn(talks[count].line, "\n")] = '\0';
		count += talks[count].line[0] != '\0';
	}
	return count;
}

/* Line ends and what is not text are shown as '|' and '.'. */
static void show(const uint8_t *bytes, size_t len, char *ret_text)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t c = bytes[i];

		if (c != '\r')
			*ret_text++ = (char)(c == '\n' ? '|' : c < ' ' || c > '~' ? '.' : c);
	}
	*ret_text = '\0';
}

static void tell(const struct talk *talk)
{
	char text[SHOWN + 1] = "";
	size_t dns_at = talk->dns_at < 0 ? SHOWN : (size_t)talk->dns_at;

	if (talk->got_len > dns_at)
		message_describe(talk->got + dns_at, talk->got_len - dns_at, text, sizeof(text));
	else
		show(talk->got, talk->got_len, text);
	printf("%s -> %s%s%s\n", talk->line, talk->state, *text ? " " : "", text);
}

static bool is_connected(int fd)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
}

static void probe_tcp(struct talk *talks, size_t count)
{
	struct pollfd *ready = calloc(count + 1, sizeof(*ready));
	long quiet_since;

	for (size_t i = 0; i < count; i++)
		talk_start(&talks[i]);
	quiet_since = now_ms();
	while (ready && count_open(talks, count) > 0 && now_ms() - quiet_since < QUIET_MS) {
		if (wait_for(talks, count, ready))
			quiet_since = now_ms();
	}
	for (size_t i = 0; i < count; i++) {
		if (talks[i].fd >= 0)
			finish(&talks[i], is_connected(talks[i].fd) ? "open" : "silence");
		tell(&talks[i]);
	}
	free(ready);
}

/* Answers are known by their ids, which are the talks' places. */
static void take_answers(int fd, struct talk *talks, size_t count)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	uint8_t answer[MESSAGE_SIZE];
	size_t left = count;

	while (left > 0 && poll(&ready, 1, QUIET_MS) == 1) {
		ssize_t len = recv(fd, answer, sizeof(answer), 0);
		size_t id = len < 2 ? count : (size_t)answer[0] << 8 | answer[1];

		if (id >= count || talks[id].state)
			continue;
		keep(&talks[id], answer, (size_t)len);
		talks[id].state = "answered";
		left--;
	}
}

static void probe_dns(struct talk *talks, size_t count)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 4 << 20;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (size_t i = 0; i < count; i++) {
		char name[LINE_SIZE], type[16], server[64] = "8.8.8.8";
		struct sockaddr_in to;

		if (sscanf(talks[i].line, "%599s %15s %63s", name, type, server) < 2)
			continue;
		message_query(&talks[i].say, name, type, (uint16_t)i);
		to = address_of(inet_addr(server), NAMES_PORT);
		sendto(fd, talks[i].say.bytes, talks[i].say.len, 0, (struct sockaddr *)&to,
		       sizeof(to));
	}
	take_answers(fd, talks, count);
	for (size_t i = 0; i < count; i++) {
		talks[i].state = talks[i].state ? talks[i].state : "silence";
		tell(&talks[i]);
	}
	close(fd);
}

/* --- frames --- */

struct sender {
	int fd;
	size_t count;
};

static void send_frame(void *ctx, const char *name, const struct frame *frame)
{
	struct sender *sender = ctx;

	(void)name;
	guest_send(sender->fd, frame);
	sender->count++;
}

/* A socket that takes frames as a TAP does: behind a virtio header. */
static int open_card(const char *card)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
				      .sll_protocol = htons(ETH_P_ALL),
				      .sll_ifindex = (int)if_nametoindex(card)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return fd;
}

static const char *const everywhere[] = {
	"8.8.8.8",	   "93.184.216.34", "93.184.216.35", "10.1.2.3",	"192.168.77.2",
	"172.16.9.9",	   "192.168.77.1",  "45.33.32.2",    "45.33.32.53",	"127.0.0.1",
	"100.64.0.1",	   "100.64.0.2",    "224.0.0.251",   "239.255.255.250", "255.255.255.255",
	"169.254.169.254", "198.18.0.1",    "0.0.0.0"};

/* UDP to every place at the ports that programs use, SYNs in fragments. */
static void send_others(struct sender *sender)
{
	static const uint16_t ports[] = {1,   67,  68,	69,  80,   123,	 137,
					 161, 443, 500, 853, 1900, 5353, 51820};
	struct frame frame, parts[2];

	for (size_t i = 0; i < sizeof(everywhere) / sizeof(everywhere[0]); i++) {
		for (size_t j = 0; j < sizeof(ports) / sizeof(ports[0]); j++) {
			guest_frame(&frame, &(struct packet){.to = everywhere[i],
							     .protocol = IPPROTO_UDP,
							     .from_port = 40000,
							     .to_port = ports[j],
							     .data = "hello",
							     .len = 5});
			send_frame(sender, "UDP", &frame);
		}
		guest_frame(&frame, &(struct packet){.to = everywhere[i], PACKET_SYN});
		guest_fragment(&frame, 16, parts);
		send_frame(sender, "a fragment", &parts[1]);
		send_frame(sender, "a fragment", &parts[0]);
	}
}

static int probe_frames(void)
{
	struct sender sender = {.fd = open_card("eth0")};

	if (sender.fd < 0) {
		perror("eth0");
		return 1;
	}
	hostile_packets(send_frame, &sender);
	hostile_fragments(send_frame, &sender);
	hostile_packets6(send_frame, &sender);
	hostile_arp(send_frame, &sender);
	hostile_frames(send_frame, &sender);
	send_others(&sender);
	printf("%zu frames\n", sender.count);
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	struct talk *talks;
	size_t count;

	if (strcmp(verb, "frames") == 0)
		return probe_frames();
	talks = calloc(TALKS_MAX, sizeof(*talks));
	if (!talks)
		return 1;
	count = read_talks(talks);
	if (strcmp(verb, "tcp") == 0)
		probe_tcp(talks, count);
	else
		probe_dns(talks, count);
	free(talks);
	return 0;
}
