// SPDX-License-Identifier: MIT
/*
 * The resolver process: see resolver_child.h.
 *
 * Happy path: every thread takes the next question from the socket, which is their queue, looks it
 * up and sends the answer.
 * Failure modes: a question that makes no sense, or a socket that is gone, ends the process at once
 * and with it all lookups that still wait for a server.  An answer that fits no packet is SERVFAIL.
 */
#include "gateway/resolver_child.h"

#include "base/confine.h"
#include "gateway/host_lookup.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* NSS modules are not made for small stacks; what is not touched takes no memory. */
enum { STACK_SIZE = 1024 * 1024 };

static void send_answer(int sock, const struct resolver_answer *answer)
{
	AUTO_BUF struct buf packet = BUF_INIT(LIMIT_RESOLVER_PACKET);

	resolver_answer_pack(&packet, answer);
	if (packet.failed) {
		const struct resolver_answer failed = {.id = answer->id, .rcode = DNS_SERVFAIL};

		buf_done(&packet);
		packet = (struct buf)BUF_INIT(LIMIT_RESOLVER_PACKET);
		resolver_answer_pack(&packet, &failed);
	}
	if (send(sock, packet.ptr, packet.len, MSG_NOSIGNAL) < 0)
		_exit(EXIT_SUCCESS);
}

static void answer_next(int sock)
{
	AUTO_BUF struct buf memory = BUF_INIT(LIMIT_RESOLVER_PACKET);
	char packet[RESOLVER_QUESTION_MAX];
	struct resolver_question question;
	struct resolver_answer answer = {0};
	struct err err;
	ssize_t len = recv(sock, packet, sizeof(packet), 0);

	if (len < 0 && errno == EINTR)
		return;
	if (len <= 0)
		_exit(EXIT_SUCCESS);
	if (resolver_question_unpack((struct view){packet, (size_t)len}, &question, &err) < 0)
		_exit(EXIT_FAILURE);
	answer.id = question.id;
	host_lookup(&question, &answer, &memory);
	send_answer(sock, &answer);
}

static void *serve(void *sock)
{
	for (;;)
		answer_next(*(const int *)sock);
	return NULL;
}

static int start_threads(const int *sock, struct err *err)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc = pthread_attr_init(&attr);

	if (rc == 0)
		rc = pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (int i = 1; rc == 0 && i < LIMIT_RESOLVER_THREADS; i++)
		rc = pthread_create(&thread, &attr, serve, (void *)sock);
	return rc == 0 ? 0 : err_sys(err, rc, "resolver: start threads");
}

int resolver_child_run(int sock, struct err *err)
{
	/* No other process of the user's looks into this one. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, errno, "resolver");
	if (confine_to_self(err) < 0)
		return -1;
	host_lookup_begin();
	if (start_threads(&sock, err) < 0)
		return -1;
	serve(&sock);
	return 0;
}
