// SPDX-License-Identifier: MIT
/*
 * Settings of a sealed network: one table of files in /proc/sys/net.  One that has its value
 * already is not written: some containers have these files read-only.  Any other that cannot be set
 * ends the start.
 */
#include "net/settings.h"

#include "base/auto.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The memory of TCP is one for the whole host: no socket takes more than 1 MiB of it each way. */
#define TCP_RECEIVE "4096\t131072\t1048576"
#define TCP_SEND    "4096\t65536\t1048576"

struct setting {
	const char *name, *value;
	bool optional; /* a kernel may not have it */
};

static const struct setting settings[] = {
	{"ipv4/ip_forward", "0"},
	{"ipv4/icmp_echo_ignore_all", "1"},
	{"ipv4/tcp_rmem", TCP_RECEIVE},
	{"ipv4/tcp_wmem", TCP_SEND},
	{"ipv4/conf/all/route_localnet", "0"},
	{"ipv4/conf/default/route_localnet", "0"},
	{"ipv4/conf/all/accept_source_route", "0"},
	{"ipv4/conf/default/accept_source_route", "0"},
	{"ipv4/conf/all/accept_local", "0"},
	{"ipv4/conf/default/accept_local", "0"},
	{"ipv4/conf/all/proxy_arp", "0"},
	{"ipv4/conf/default/proxy_arp", "0"},
	{"ipv4/conf/all/rp_filter", "1"},
	{"ipv4/conf/default/rp_filter", "1"},
	{"ipv4/conf/all/log_martians", "0"}, /* no guest writes into the host's log */
	{"ipv4/conf/default/log_martians", "0"},
	{"ipv6/conf/all/disable_ipv6", "1", true},
	{"ipv6/conf/default/disable_ipv6", "1", true},
};

/* Whether the file has this value; -1 with errno when it cannot be read. */
static int has_value(const char *path, const char *value)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = strlen(value);
	char text[64];
	ssize_t got;

	if (fd < 0)
		return -1;
	got = read(fd, text, sizeof(text));
	if (got < 0)
		return -1;
	return (size_t)got == len + 1 && memcmp(text, value, len) == 0;
}

static int set(const struct setting *setting, struct err *err)
{
	AUTO_FD int fd = -1;
	char path[128];
	int same;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", setting->name);
	same = has_value(path, setting->value);
	if (same > 0 || (same < 0 && errno == ENOENT && setting->optional))
		return 0;
	if (same < 0)
		return err_sys(err, errno, "read '%s'", path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open '%s'", path);
	return fd_write_all(fd, setting->value, strlen(setting->value), path, err);
}

int settings_seal(struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (set(&settings[i], err) < 0)
			return -1;
	}
	return 0;
}
