// SPDX-License-Identifier: MIT
/*
 * Processes of other commands, as rows of the state name them: a pid together with the time the
 * process started, so that another process that got the same pid later is not taken for it.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a line of /proc/PID/stat says of a process. */
struct process_stat {
	uint64_t
		start; /* its start time, in ticks since the machine was started; 0: it has ended */
	uint64_t cpu;  /* ticks that it has run, with what the kernel did for it */
};
void process_parse_stat(const char *line, struct process_stat *ret_stat);

/* The start time of a process (field 22 of /proc/PID/stat); 0 if it does not exist or has ended. */
uint64_t process_start_time(pid_t pid);

/* The same if it is a `matchlock` that ran at `time` (RFC 3339) already, else 0: for rows of the
 * earlier program, which wrote down no start time. */
uint64_t process_start_time_before(pid_t pid, const char *time);

/* True if the process `pid` that started at `start` still runs. */
bool process_alive(pid_t pid, uint64_t start);

/* A descriptor of just this process, readable once it has ended.  ERR_NOT_FOUND if it has. */
int process_open(pid_t pid, uint64_t start, int *ret_pidfd, struct err *err);

/* Sends a signal; a process that has ended is no error. */
int process_signal(int pidfd, int signum, struct err *err);

/* Waits up to `timeout_ms` for the end: false when it still runs. */
bool process_wait(int pidfd, int timeout_ms);
