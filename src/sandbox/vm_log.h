// SPDX-License-Identifier: MIT
/*
 * The VM's log, vms/ID/logs/vm.log: what the guest prints on its console, what the VMM says, and
 * the output of commands without a terminal.  The guest writes as much as it likes, so a file that
 * has reached LIMIT_VM_LOG becomes vm.log.1, in place of an earlier one, and a new one begins: the
 * last words are always there.
 */
#pragma once

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"

#define VM_LOG_FILE "logs/vm.log"   /* below vms/ID */
#define VM_LOG_OLD  "logs/vm.log.1" /* what came before it */

struct vm_log;

/* Makes DIR/logs (0700) and an empty DIR/logs/vm.log. */
int vm_log_open(const char *vm_dir, struct vm_log **ret_log, struct err *err);
void vm_log_free(struct vm_log *log);
DEFINE_AUTO(vm_log)

/* A write that fails (a full disk) ends the log, never the sandbox. */
void vm_log_write(struct vm_log *log, struct view bytes);
