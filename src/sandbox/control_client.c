// SPDX-License-Identifier: MIT
/* Requests to another process's sandbox: see control_client.h. */
#include "sandbox/control_client.h"

#include "base/auto.h"
#include "base/limits.h"
#include "base/sealed.h"
#include "wire/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

void control_address(int dir_fd, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret_address->sun_path, sizeof(ret_address->sun_path),
		 "/proc/self/fd/%d/" CONTROL_SOCKET, dir_fd);
}

int control_connect(const char *vm_dir, int *ret_sock, struct err *err)
{
	AUTO_FD int dir_fd = open(vm_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;

	if (sock < 0)
		return err_sys(err, errno, "socket");
	if (dir_fd < 0)
		return err_sys(err, errno, "open '%s'", vm_dir);
	control_address(dir_fd, &address);
	if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
		err_sys_(err, errno, "connect to '%s/" CONTROL_SOCKET "'", vm_dir);
		if (err->sys == ECONNREFUSED)
			err->code = ERR_UNAVAILABLE;
		return -1;
	}
	*ret_sock = STEAL_FD(sock);
	return 0;
}

int control_request_forward(int sock, const int *listeners, const struct port_mapping *mappings,
			    size_t count, struct err *err)
{
	const struct control_packet packet = {CONTROL_REQUEST, {.kind = CONTROL_FORWARD}};

	if (control_send(sock, &packet, NULL, 0, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct control_packet listen = {CONTROL_LISTEN,
						      {.guest_port = mappings[i].guest_port}};

		if (control_send(sock, &listen, &listeners[i], 1, err) < 0)
			return -1;
	}
	return 0;
}

static int send_allow_list(int sock, const struct allow_list_request *request, struct err *err)
{
	const struct control_packet packet = {CONTROL_REQUEST, {.kind = CONTROL_ALLOW_LIST}};
	AUTO_BUF struct buf bytes = BUF_INIT(LIMIT_POLICY_MESSAGE);
	AUTO_FD int fd = -1;

	allow_list_request_pack(&bytes, request);
	if (buf_check(&bytes, "the list of hosts", err) < 0 ||
	    sealed_new("allow-list", (struct view){bytes.ptr, bytes.len}, &fd, err) < 0)
		return -1;
	return control_send(sock, &packet, &fd, 1, err);
}

static int take_answer(const struct control_packet *packet, const int *fds, size_t fd_count,
		       struct allow_list_answer *ret_answer, struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT(LIMIT_POLICY_MESSAGE);

	if (packet->type == CONTROL_FAILED)
		return err_set(err, ERR_INVALID, "%s", packet->failed.text);
	if (packet->type != CONTROL_ANSWER || fd_count != 1)
		return err_set(err, ERR_PROTOCOL, "unexpected control message %u", packet->type);
	if (sealed_read(fds[0], &bytes, "the answer", err) < 0)
		return -1;
	return allow_list_answer_unpack((struct view){bytes.ptr, bytes.len}, ret_answer, err);
}

int control_request_allow_list(int sock, const struct allow_list_request *request,
			       struct allow_list_answer *ret_answer, struct err *err)
{
	int fds[CONTROL_FDS_MAX], got, status;
	struct control_packet packet;
	size_t fd_count = 0;

	/* One that has refused us already has said why: its answer is read. */
	if (send_allow_list(sock, request, err) < 0 && err->sys != EPIPE)
		return -1;
	do
		got = control_receive(sock, &packet, fds, &fd_count, err);
	while (got < 0 && (err->sys == EINTR || err->sys == ECONNRESET));
	if (got < 0)
		return -1;
	if (got == 0)
		return err_set(err, ERR_UNAVAILABLE, "the sandbox has ended");
	status = take_answer(&packet, fds, fd_count, ret_answer, err);
	while (fd_count > 0)
		close(fds[--fd_count]);
	control_packet_done(&packet);
	return status;
}

int control_request_exec(int sock, const struct agent_exec *exec, const int stdio[3],
			 struct err *err)
{
	const struct control_packet packet = {CONTROL_REQUEST, {.kind = CONTROL_EXEC}};
	AUTO_BUF struct buf request = BUF_INIT(LIMIT_MESSAGE_TO_GUEST);
	AUTO_FD int request_fd = -1;

	agent_exec_pack(&request, exec);
	if (buf_check(&request, "the command with its environment", err) < 0 ||
	    sealed_new("exec", (struct view){request.ptr, request.len}, &request_fd, err) < 0)
		return -1;
	return control_send(sock, &packet, (const int[]){request_fd, stdio[0], stdio[1], stdio[2]},
			    4, err);
}
