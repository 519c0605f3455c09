// SPDX-License-Identifier: MIT
/*
 * The VM of a template that is being made: each call asks one thing of its guest and waits for the
 * answer, on a loop of its own.  A VM that ends, or does not answer within the deadline of its
 * step, is an error with the reason.
 */
#pragma once

#include "api/sandbox_spec.h"
#include "base/auto.h"
#include "base/err.h"
#include "sandbox/disks.h"
#include "vmm/vmm.h"
#include "wire/agent.h"

struct template_vm;

int template_vm_start(const struct vmm_ops *vmm, const struct vm_spec *spec,
		      struct template_vm **ret_vm, struct err *err);
void template_vm_free(struct template_vm *vm);
DEFINE_AUTO(template_vm)

/* SETUP as for a sandbox, with an identity that nobody keeps. */
int template_vm_setup(struct template_vm *vm, const struct sandbox_spec *spec,
		      const struct disks *disks, struct err *err);

/* Runs `true` as the image's user.  An image that has no such command will do: what counts is that
 * it was looked for. */
int template_vm_run(struct template_vm *vm, const struct sandbox_spec *spec, struct err *err);

/* PREPARE; NULL: no process is to wait.  After it only save() may follow. */
int template_vm_prepare(struct template_vm *vm, const struct agent_prepare *prepare,
			struct err *err);

int template_vm_save(struct template_vm *vm, int state_fd, struct err *err);
