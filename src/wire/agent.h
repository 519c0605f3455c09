// SPDX-License-Identifier: MIT
/*
 * What host and guest agent say to each other: the kinds of streams, their requests and messages.
 * Host and guest-init are built together; AGENT_PROTOCOL catches a mix of builds.
 *
 * SETUP   the first stream: the host tells the VM what it is.  Answer: READY or FAILED.  At READY
 * the host sends CLOCK, before any EXEC, and again whenever the guest's clock may be wrong; the
 *         stream stays open as long as the VM lives.  A CLOCK that cannot be set: FAILED.
 * PREPARE the VM is about to be saved as a template.  Allowed before SETUP (a generic template) and
 *         after it, while no command runs (an image's template).  Answer: READY or FAILED, then
 *         CLOSE; the guest then forgets the channel: what comes next, in each clone, is a new
 *         channel whose first stream is SETUP.  In a clone of an image's template its disks, quota,
 *         privilege and whether it has a network must be those of the template; only the identity
 *         and the MTU are applied anew.
 * EXEC    one command.  Channels: 0 its stdin (host to guest), 1 its stdout, 2 its stderr; a
 *         terminal uses 0 and 1 only.  Answers: STARTED or FAILED, later EXITED, after the END of
 *         channels 1 and 2.  CLOSE by the host before EXITED cancels: the command's whole tree gets
 *         SIGTERM, and SIGKILL after the grace of the request.
 * CONNECT a TCP connection to a port of the guest's 127.0.0.1, for wire/socket_relay.h, which says
 *         what its channels are.  Answer: FAILED, or none.
 * SHUTDOWN  an orderly end: SIGTERM to all, unmount, sync, power off within the grace.  Answer:
 * DONE just before the power goes.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AGENT_PROTOCOL = 3 };

enum agent_kind { AGENT_SETUP = 1, AGENT_EXEC, AGENT_SHUTDOWN, AGENT_PREPARE, AGENT_CONNECT };

enum agent_message {
	/* guest to host */
	AGENT_READY = 1, /* agent_steps */
	AGENT_FAILED,	 /* agent_failed */
	AGENT_STARTED,	 /* no payload */
	AGENT_EXITED,	 /* agent_exited */
	AGENT_DONE,	 /* no payload */
	/* host to guest */
	AGENT_SIGNAL, /* agent_signal: to the command's process group */
	AGENT_RESIZE, /* agent_size */
	AGENT_CLOCK,  /* agent_clock */
};

enum agent_disk_role {
	AGENT_DISK_UNUSED,
	AGENT_DISK_MODULES, /* EROFS, at /lib/modules/<version> */
	AGENT_DISK_LAYER,   /* EROFS, base layer first */
	AGENT_DISK_UPPER,   /* ext4: the writable layer */
	AGENT_DISK_DATA,    /* ext4, at `path`; `read_only` */
};

/* One disk; the n-th of the list is the n-th virtio-blk device. */
struct agent_disk {
	enum agent_disk_role role;
	bool read_only;
	char *path; /* DATA only */
};

struct agent_setup {
	uint32_t protocol;
	unsigned char entropy[32];
	unsigned char machine_id[16];
	char *hostname;
	bool privileged;       /* no capability, seccomp or no_new_privs limits on commands */
	uint64_t cpu_quota_us; /* of every 100,000 us, all CPUs together; 0 = no limit */
	uint32_t mtu;	       /* of the network card, at most NET_MTU_MAX; 0 = it is not used */
	char **dns;	       /* for resolv.conf, in order */
	char **hosts;	       /* "IP NAME" lines for /etc/hosts, in order */
	size_t disk_count;
	struct agent_disk *disks;
};

/* Where the guest's time went, in microseconds; a step may be missing. */
struct agent_step {
	uint8_t step; /* enum agent_step_id */
	uint32_t us;
};

enum agent_step_id {
	AGENT_STEP_ENTROPY = 1,
	AGENT_STEP_IDENTITY, /* host name, machine id, files of /etc */
	AGENT_STEP_GROUPS,   /* control groups */
	AGENT_STEP_DISKS,    /* bound and mounted */
	AGENT_STEP_CONTAINER,
	AGENT_STEP_NETWORK,
	AGENT_STEP_COUNT
};

struct agent_steps {
	size_t count; /* at most AGENT_STEP_COUNT */
	struct agent_step steps[AGENT_STEP_COUNT];
};

/* "entropy", ...; for `step` below AGENT_STEP_COUNT, else "?". */
const char *agent_step_name(uint8_t step);

struct agent_clock {
	uint64_t wall_ns; /* CLOCK_REALTIME of the host */
};

/* What a template waits for. */
struct agent_prepare {
	bool waiting; /* a process that a first EXEC only has to hand arguments to is forked */
	char *user;   /* of that process, as in agent_exec */
	char *cwd;
};

enum agent_exec_flags {
	AGENT_EXEC_STDIN = 1, /* channel 0 is connected; else stdin is /dev/null */
	AGENT_EXEC_TTY = 2,   /* a terminal of rows x cols */
};

struct agent_exec {
	uint32_t flags;
	char **argv;   /* the words as given */
	char *command; /* the same, quoted into one string: run by `sh -c` if the image has `sh` on
			* PATH, else argv is executed directly */
	char **env;    /* "KEY=VALUE", complete but for PATH and HOME, which the guest adds */
	char *cwd;     /* "" = / */
	char *user;    /* "", "uid", "name", "uid:gid", ...; "" = root */
	uint16_t rows, cols;
	uint32_t grace_ms; /* between SIGTERM and SIGKILL when cancelled */
};

struct agent_failed {
	uint32_t exit_code; /* what the CLI exits with: 1, or 127/126 when the command cannot be run
			     */
	char *text;	    /* one line; control characters arrive as `?` */
};

struct agent_exited {
	uint32_t code;	   /* exit status, or 128 + signal */
	uint32_t signal;   /* that ended it, or 0 */
	uint32_t start_us; /* from its request to its first instruction */
	uint32_t run_us;   /* from there to its end */
};

struct agent_size {
	uint16_t rows, cols;
};

struct agent_connect {
	uint16_t port;	 /* not 0 */
	uint32_t credit; /* of the stream: mux_set_credit(); 1 to LIMIT_STREAM_CREDIT */
};

struct agent_shutdown {
	uint32_t grace_ms;
};

/* Encoders append to `buf` (ask buf_check()).  Decoders fill a zeroed struct and fail with
 * ERR_PROTOCOL on anything malformed or out of range; _done() frees the members. */
void agent_setup_pack(struct buf *buf, const struct agent_setup *setup);
int agent_setup_unpack(struct view bytes, struct agent_setup *ret_setup, struct err *err);
void agent_setup_done(struct agent_setup *setup);

void agent_exec_pack(struct buf *buf, const struct agent_exec *exec);
int agent_exec_unpack(struct view bytes, struct agent_exec *ret_exec, struct err *err);
void agent_exec_done(struct agent_exec *exec);

void agent_failed_pack(struct buf *buf, const struct agent_failed *failed);
int agent_failed_unpack(struct view bytes, struct agent_failed *ret_failed, struct err *err);
void agent_failed_done(struct agent_failed *failed);

void agent_exited_pack(struct buf *buf, const struct agent_exited *exited);
int agent_exited_unpack(struct view bytes, struct agent_exited *ret_exited, struct err *err);

void agent_steps_pack(struct buf *buf, const struct agent_steps *steps);
int agent_steps_unpack(struct view bytes, struct agent_steps *ret_steps, struct err *err);

void agent_prepare_pack(struct buf *buf, const struct agent_prepare *prepare);
int agent_prepare_unpack(struct view bytes, struct agent_prepare *ret_prepare, struct err *err);
void agent_prepare_done(struct agent_prepare *prepare);

void agent_clock_pack(struct buf *buf, const struct agent_clock *clock);
int agent_clock_unpack(struct view bytes, struct agent_clock *ret_clock, struct err *err);

void agent_signal_pack(struct buf *buf, uint32_t signal);
int agent_signal_unpack(struct view bytes, uint32_t *ret_signal, struct err *err);

void agent_size_pack(struct buf *buf, const struct agent_size *size);
int agent_size_unpack(struct view bytes, struct agent_size *ret_size, struct err *err);

void agent_connect_pack(struct buf *buf, const struct agent_connect *connect);
int agent_connect_unpack(struct view bytes, struct agent_connect *ret_connect, struct err *err);

void agent_shutdown_pack(struct buf *buf, const struct agent_shutdown *shutdown);
int agent_shutdown_unpack(struct view bytes, struct agent_shutdown *ret_shutdown, struct err *err);
