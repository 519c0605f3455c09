// SPDX-License-Identifier: MIT
/*
 * Listening sockets: see listeners.h.  A client may connect as soon as one is open; it waits until
 * somebody accepts.
 * Failure modes: each error names the address and port, and what can be done; those that were open
 * by then are closed.
 */
#include "sandbox/listeners.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PREFIX "start port-forward listener"

static int check_duplicates(const struct port_mapping *mappings, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < i; k++) {
			char text[PORT_MAPPING_TEXT];

			if (mappings[i].host_port == 0 ||
			    mappings[i].host_port != mappings[k].host_port ||
			    !ip_equals(&mappings[i].address, &mappings[k].address))
				continue;
			port_mapping_format_local(&mappings[i], text);
			return err_set(err, ERR_INVALID, PREFIX ": duplicate listen address %s",
				       text);
		}
	}
	return 0;
}

static int describe(const struct port_mapping *mapping, int errnum, struct err *err)
{
	char at[PORT_MAPPING_TEXT];

	port_mapping_format_local(mapping, at);
	switch (errnum) {
	case EADDRINUSE:
		return err_set(err, ERR_CONFLICT,
			       PREFIX " %s: address already in use: another program or sandbox "
				      "listens there, which \"ss -ltnp sport = :%u\" shows; choose "
				      "another port, or 0 for any",
			       at, mapping->host_port);
	case EACCES:
		return err_set(err, ERR_DENIED,
			       PREFIX " %s: permission denied: ports as low as this are for root; "
				      "choose a higher one",
			       at);
	case EADDRNOTAVAIL:
		return err_set(err, ERR_INVALID, PREFIX " %s: this host has no such address", at);
	default:
		return err_sys(err, errnum, PREFIX " %s", at);
	}
}

static int read_port(int fd, struct port_mapping *mapping)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return -1;
	mapping->host_port =
		ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
						   : ((struct sockaddr_in6 *)&address)->sin6_port);
	return 0;
}

/* "::" is not meant to be 0.0.0.0 as well, which has its own listener where it is asked for. */
static int set_options(int fd, int family)
{
	if (family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int)) < 0)
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
}

static int open_one(struct port_mapping *mapping, int *ret_fd, struct err *err)
{
	struct sockaddr_storage address;
	const socklen_t size = ip_to_sockaddr(&mapping->address, mapping->host_port, &address);
	AUTO_FD int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || set_options(fd, address.ss_family) < 0 ||
	    bind(fd, (struct sockaddr *)&address, size) < 0 ||
	    listen(fd, LIMIT_FORWARD_QUEUE) < 0 || read_port(fd, mapping) < 0)
		return describe(mapping, errno, err);
	*ret_fd = STEAL_FD(fd);
	return 0;
}

int listeners_open(struct port_mapping *mappings, size_t count, int **ret_fds, struct err *err)
{
	int *fds;

	if (check_duplicates(mappings, count, err) < 0)
		return -1;
	fds = xcalloc(count, sizeof(*fds));
	for (size_t i = 0; i < count; i++) {
		if (open_one(&mappings[i], &fds[i], err) == 0)
			continue;
		listeners_close(fds, i);
		return -1;
	}
	*ret_fds = fds;
	return 0;
}

void listeners_close(int *fds, size_t count)
{
	for (size_t i = 0; fds && i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	free(fds);
}
