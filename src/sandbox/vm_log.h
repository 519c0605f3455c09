// SPDX-License-Identifier: MIT
/*
 * The VM's log, vms/ID/logs/vm.log: what the guest prints on its console, what the VMM says, and
 * the output of commands without a terminal.  The guest writes as much as it likes, so the file
 * stops at LIMIT_VM_LOG with a line that says so.
 */
#pragma once

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"

struct vm_log;

/* Makes DIR/logs (0700) and an empty DIR/logs/vm.log. */
int vm_log_open(const char *vm_dir, struct vm_log **ret_log, struct err *err);
void vm_log_free(struct vm_log *log);
DEFINE_AUTO(vm_log)

/* A write that fails (a full disk) ends the log, never the sandbox. */
void vm_log_write(struct vm_log *log, struct view bytes);
