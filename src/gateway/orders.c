// SPDX-License-Identifier: MIT
/*
 * The packets between a supervisor and its gateway: see orders.h.  A packet is its type in one byte
 * and the reason in the others; whatever else arrives is ERR_PROTOCOL.
 */
#include "gateway/orders.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strv.h"
#include "wire/policy_pack.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void orders_pack(struct buf *buf, const struct orders *orders)
{
	pack_str(buf, orders->id);
	policy_spec_pack(buf, &orders->policy);
	pack_strv(buf, orders->add_hosts);
	pack_strv(buf, orders->host_ips);
	pack_str(buf, orders->proxy);
	pack_str(buf, orders->no_proxy);
}

int orders_unpack(struct view bytes, struct orders *ret_orders, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	struct orders orders = {0};

	orders.id = unpack_str(&in);
	policy_spec_unpack(&in, &orders.policy);
	orders.add_hosts = unpack_strv(&in);
	orders.host_ips = unpack_strv(&in);
	orders.proxy = unpack_str(&in);
	orders.no_proxy = unpack_str(&in);
	if (unpack_done(&in, "gateway orders", err) < 0) {
		orders_done(&orders);
		return -1;
	}
	*ret_orders = orders;
	return 0;
}

void orders_done(struct orders *orders)
{
	free(orders->id);
	policy_spec_done(&orders->policy);
	strv_free(orders->add_hosts);
	strv_free(orders->host_ips);
	if (orders->proxy)
		explicit_bzero(orders->proxy, strlen(orders->proxy));
	free(orders->proxy);
	free(orders->no_proxy);
	*orders = (struct orders){0};
}

int orders_send(int sock, enum orders_type type, const char *reason, const int *fds,
		size_t fd_count, struct err *err)
{
	char packet[1 + ORDERS_REASON_SIZE];
	size_t len = strnlen(reason, ORDERS_REASON_SIZE - 1);

	packet[0] = (char)type;
	memcpy(packet + 1, reason, len);
	return fd_send(sock, packet, 1 + len, fds, fd_count, err);
}

int orders_receive(int sock, enum orders_type *ret_type, char ret_reason[ORDERS_REASON_SIZE],
		   int ret_fds[ORDERS_FDS], size_t *ret_fd_count, struct err *err)
{
	char packet[1 + ORDERS_REASON_SIZE];
	ssize_t len =
		fd_recv(sock, packet, sizeof(packet) - 1, ret_fds, ORDERS_FDS, ret_fd_count, err);

	if (len <= 0)
		return (int)len;
	if (packet[0] < ORDERS_START || packet[0] > ORDERS_FAILED) {
		for (size_t i = 0; i < *ret_fd_count; i++)
			close(ret_fds[i]);
		return err_set(err, ERR_PROTOCOL, "gateway: packet of type %d", packet[0]);
	}
	*ret_type = (enum orders_type)packet[0];
	for (ssize_t i = 1; i < len; i++) /* it is shown on a terminal */
		ret_reason[i - 1] = packet[i] >= ' ' && packet[i] < 0x7f ? packet[i] : '?';
	ret_reason[len - 1] = '\0';
	return 1;
}
