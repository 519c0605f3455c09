// SPDX-License-Identifier: MIT
/*
 * What one sandbox takes of the host, read in /proc by whoever asks: its supervisor is not
 * bothered, and one that hangs is measured all the same.
 */
#pragma once

#include "state/state.h"

#include <stdint.h>

enum { USAGE_UNKNOWN = -1 }; /* in any of the numbers below */

struct usage {
	uint64_t at_ns;		/* when it was read, on the monotonic clock */
	int64_t cpu_ms;		/* that its VMM and its supervisor have run so far */
	double cpus;		/* of the VM */
	int64_t memory;		/* bytes: the VMM's proportional share of what is mapped (PSS) */
	int64_t memory_limit;	/* bytes of the guest's memory */
	int64_t disk;		/* bytes that its writable layer and its data disks take */
	int64_t read, written;	/* bytes that the VMM had the host's storage read and write */
	int64_t sent, received; /* bytes of the guest's connections */
	int64_t connections;	/* of the guest, open at the moment */
	int64_t denied;		/* decisions of its gateway against it */
	int64_t uptime_s;	/* of the VMM */
};

/* Reads it of the sandbox `row`.  Processes that have ended, and what may not be read, are unknown.
 * `proc` is "/proc". */
void usage_read(const char *proc, const char *state_home, const struct sandbox_row *row,
		struct usage *ret_usage);

/* Percent of the VM's CPUs between two readings of one sandbox; USAGE_UNKNOWN when they cannot be
 * compared. */
double usage_cpu_percent(const struct usage *before, const struct usage *now);
