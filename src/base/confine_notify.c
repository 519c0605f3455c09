// SPDX-License-Identifier: MIT
/*
 * Seccomp's user notification: see confine_notify.h.
 *
 * For each call that waits: read its path from the memory of the process, make sure that the call
 * still waits (so that it was this process's memory and not that of a later one with its number),
 * answer.  The process can change the path while it is read: it still gets one of the gifts or
 * nothing.  Reading needs the rights of a debugger; the parent has them over its child, and where a
 * security module takes them away, the answer is EACCES.
 */
#include "base/confine_notify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>

/* A process that asks without end must not keep us from all else: the rest waits for the next call.
 */
enum { ANSWERS_A_CALL = 16 };

/* Room for what a later kernel appends. */
struct notice {
	struct seccomp_notif notif;
	unsigned char more[256];
};

static bool notice_waits(int notify_fd)
{
	struct pollfd waits = {.fd = notify_fd, .events = POLLIN};

	return poll(&waits, 1, 0) == 1 && (waits.revents & POLLIN);
}

/* Whether `address` of process `pid` holds `text` with its end. */
static bool memory_is(pid_t pid, uint64_t address, const char *text)
{
	char found[CONFINE_GIFT_PATH_MAX + 1];
	size_t size = strlen(text) + 1;
	struct iovec ours = {found, size}, theirs = {(void *)(uintptr_t)address, size};

	return size <= sizeof(found) &&
	       process_vm_readv(pid, &ours, 1, &theirs, 1, 0) == (ssize_t)size &&
	       memcmp(found, text, size) == 0;
}

static const struct confine_gift *find_gift(const struct seccomp_notif *notif,
					    const struct confine_gift *gifts, size_t count)
{
	bool at = notif->data.nr == SYS_openat;
	uint64_t path = notif->data.args[at ? 1 : 0];

#ifdef SYS_open
	if (!at && notif->data.nr != SYS_open)
		return NULL;
#else
	if (!at)
		return NULL;
#endif
	for (size_t i = 0; i < count; i++) {
		if (memory_is((pid_t)notif->pid, path, gifts[i].path))
			return &gifts[i];
	}
	return NULL;
}

/* Whether the call has been answered with a copy of the gift's descriptor. */
static bool give(int notify_fd, const struct seccomp_notif *notif, const struct confine_gift *gift)
{
	uint64_t flags = notif->data.args[notif->data.nr == SYS_openat ? 2 : 1];
	struct seccomp_notif_addfd add = {.id = notif->id,
					  .flags = SECCOMP_ADDFD_FLAG_SEND,
					  .srcfd = (uint32_t)gift->fd,
					  .newfd_flags = (uint32_t)(flags & O_CLOEXEC)};

	return ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0;
}

static void refuse(int notify_fd, const struct seccomp_notif *notif)
{
	struct seccomp_notif_resp answer = {.id = notif->id, .error = -EACCES};

	ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_SEND, &answer); /* fails when the caller is gone */
}

void confine_notify_answer(int notify_fd, const struct confine_gift *gifts, size_t gift_count)
{
	for (unsigned i = 0; i < ANSWERS_A_CALL && notice_waits(notify_fd); i++) {
		struct notice notice = {0};
		const struct seccomp_notif *notif = &notice.notif;
		const struct confine_gift *gift;

		if (ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_RECV, &notice) < 0)
			return; /* it has been killed meanwhile */
		gift = find_gift(notif, gifts, gift_count);
		if (ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &notif->id) < 0)
			continue;
		if (!gift || !give(notify_fd, notif, gift))
			refuse(notify_fd, notif);
	}
}
