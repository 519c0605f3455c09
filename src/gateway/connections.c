// SPDX-License-Identifier: MIT
/*
 * All connections of the guest: see connections.h.  Each that is accepted gets a slot of a table
 * and lives on by itself (gateway/connection.h).
 *
 * Failure modes: more than the limit, or than there are descriptors for, are reset at once, with
 * one line a second about how many; one descriptor is kept aside for that.  When the kernel has no
 * memory for sockets, nothing is accepted for a moment.
 * Close: one callback a handle is counted; the last frees.
 */
#include "gateway/connections.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/auto.h"
#include "base/ip.h"
#include "base/limits.h"
#include "gateway/audit.h"
#include "gateway/connection.h"
#include "gateway/dns_server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
	TURN = 64,	  /* connections before others have their turn */
	SPARE_FDS = 256,  /* for the gateway's other parts, pipes, and attempts to connect */
	FEWEST = 16,	  /* connections, however few descriptors there are */
	REPORT_MS = 1000, /* between two lines about refused ones */
	RECOVER_MS = 100, /* until the kernel may have memory again */
	PORT_DNS = 53,
};

struct slot {
	struct connections *all;
	struct connection *connection; /* NULL: free */
	size_t next_free;
};

struct connections {
	struct gateway *gateway;
	struct dns_server *dns;
	struct slot *slots;
	size_t slot_count, used; /* `used`: those behind have never been in use */
	size_t free, open;	 /* the first free one; slot_count: none */
	uint64_t flows;
	int fd, spare_fd;
	uint64_t refused; /* since the last line about it */
	uv_poll_t poll;
	uv_timer_t report, recover;
	bool polled;
	unsigned handles;
};

/* --- slots --- */

static size_t most(void)
{
	struct rlimit fds;
	size_t pairs;

	if (getrlimit(RLIMIT_NOFILE, &fds) < 0 || fds.rlim_cur > 2 * LIMIT_CONNECTIONS + SPARE_FDS)
		return LIMIT_CONNECTIONS;
	pairs = fds.rlim_cur > SPARE_FDS ? (size_t)(fds.rlim_cur - SPARE_FDS) / 2 : 0;
	return MAX(pairs, (size_t)FEWEST);
}

static struct slot *slot_take(struct connections *all)
{
	struct slot *slot;

	if (all->free < all->slot_count) {
		slot = &all->slots[all->free];
		all->free = slot->next_free;
	} else if (all->used < all->slot_count) {
		slot = &all->slots[all->used++];
	} else {
		return NULL;
	}
	slot->all = all;
	all->open++;
	all->gateway->counters->open++;
	return slot;
}

static void slot_give(struct slot *slot)
{
	struct connections *all = slot->all;

	slot->connection = NULL;
	slot->next_free = all->free;
	all->free = (size_t)(slot - all->slots);
	all->open--;
	all->gateway->counters->open--;
}

static void on_ended(void *ctx)
{
	slot_give(ctx);
}

/* --- those that are refused --- */

static void reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

static void on_report(uv_timer_t *timer);

static void report(struct connections *all)
{
	struct audit_event event = {.what = "connect"};
	char error[96];

	if (all->refused == 0)
		return;
	snprintf(error, sizeof(error), "connections refused: %llu, with %zu open",
		 (unsigned long long)all->refused, all->open);
	event.error = error;
	(void)audit_write(all->gateway->audit, &event);
	all->gateway->counters->denied += all->refused;
	all->refused = 0;
	uv_timer_start(&all->report, on_report, REPORT_MS, 0);
}

static void on_report(uv_timer_t *timer)
{
	report(timer->data);
}

static void refuse(struct connections *all, int fd)
{
	reset(fd);
	all->refused++;
	if (!uv_is_active((uv_handle_t *)&all->report))
		report(all);
}

/* --- those that come --- */

static bool read_destination(int fd, struct connection_spec *spec)
{
	struct sockaddr_in at = {0};
	socklen_t size = sizeof(at);

	spec->guest_fd = fd;
	if (getsockname(fd, (struct sockaddr *)&at, &size) < 0 ||
	    !ip_from_sockaddr((struct sockaddr *)&at, &spec->ip))
		return false;
	spec->port = ntohs(at.sin_port);
	return true;
}

static void welcome(struct connections *all, int fd)
{
	struct connection_spec spec = {.flow = all->flows + 1};
	struct slot *slot;

	if (!read_destination(fd, &spec)) {
		reset(fd);
		return;
	}
	if (spec.port == PORT_DNS) {
		dns_server_accept(all->dns, fd);
		return;
	}
	slot = slot_take(all);
	if (!slot) {
		refuse(all, fd);
		return;
	}
	all->flows++;
	slot->connection = connection_new(all->gateway, &spec, on_ended, slot);
	connection_start(slot->connection);
}

/* With the descriptor that was kept aside; false: there is none. */
static bool refuse_next(struct connections *all)
{
	int fd;

	if (all->spare_fd < 0)
		return false;
	close(STEAL_FD(all->spare_fd));
	fd = accept4(all->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		refuse(all, fd);
	all->spare_fd = fcntl(all->fd, F_DUPFD_CLOEXEC, 0);
	return fd >= 0;
}

static void on_incoming(uv_poll_t *poll, int status, int events);

static void on_recover(uv_timer_t *timer)
{
	struct connections *all = timer->data;

	if (all->spare_fd < 0)
		all->spare_fd = fcntl(all->fd, F_DUPFD_CLOEXEC, 0);
	uv_poll_start(&all->poll, UV_READABLE, on_incoming);
}

/* Returns whether there may be more. */
static bool accept_next(struct connections *all)
{
	int fd = accept4(all->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0) {
		welcome(all, fd);
		return true;
	}
	switch (errno) {
	case EAGAIN:
		return false;
	case EINTR:
	case ECONNABORTED:
		return true;
	case EMFILE:
	case ENFILE:
		if (refuse_next(all))
			return true;
		break;
	}
	uv_poll_stop(&all->poll);
	uv_timer_start(&all->recover, on_recover, RECOVER_MS, 0);
	return false;
}

static void on_incoming(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	for (int i = 0; i < TURN && accept_next(poll->data); i++)
		;
}

/* --- all of them --- */

void connections_recheck(struct connections *all)
{
	for (size_t i = 0; i < all->used; i++) {
		if (all->slots[i].connection)
			connection_recheck(all->slots[i].connection);
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct connections *all = handle->data;

	if (--all->handles > 0)
		return;
	free(all->slots);
	free(all);
}

void connections_close(struct connections *all)
{
	if (!all)
		return;
	report(all);
	for (size_t i = 0; i < all->used; i++) {
		if (all->slots[i].connection)
			connection_close(all->slots[i].connection, "the sandbox has ended");
	}
	all->gateway->counters->open -= all->open;
	if (all->polled)
		uv_close((uv_handle_t *)&all->poll, on_closed);
	uv_close((uv_handle_t *)&all->report, on_closed);
	uv_close((uv_handle_t *)&all->recover, on_closed);
	close(all->fd);
	if (all->spare_fd >= 0)
		close(all->spare_fd);
}

static void timer_init(struct connections *all, uv_timer_t *timer)
{
	uv_timer_init(all->gateway->loop, timer);
	timer->data = all;
	all->handles++;
}

static int listen_on(struct connections *all, struct err *err)
{
	int status = uv_poll_init(all->gateway->loop, &all->poll, all->fd);

	if (status < 0)
		return err_set(err, ERR_IO, "watch the guest's connections: %s",
			       uv_strerror(status));
	all->polled = true;
	all->poll.data = all;
	all->handles++;
	all->spare_fd = fcntl(all->fd, F_DUPFD_CLOEXEC, 0);
	if (all->spare_fd < 0)
		return err_sys(err, errno, "keep a descriptor aside");
	uv_poll_start(&all->poll, UV_READABLE, on_incoming);
	return 0;
}

int connections_open(struct gateway *gateway, int tcp_fd, struct dns_server *dns,
		     struct connections **ret_connections, struct err *err)
{
	struct connections *all = xcalloc(1, sizeof(*all));

	all->gateway = gateway;
	all->dns = dns;
	all->fd = tcp_fd;
	all->spare_fd = -1;
	all->slot_count = all->free = most();
	all->slots = xcalloc(all->slot_count, sizeof(*all->slots));
	timer_init(all, &all->report);
	timer_init(all, &all->recover);
	if (listen_on(all, err) < 0) {
		connections_close(all);
		return -1;
	}
	*ret_connections = all;
	return 0;
}
