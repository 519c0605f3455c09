// SPDX-License-Identifier: MIT
/*
 * The filter: everything is allowed but reading and writing other processes (process_vm_*, ptrace)
 * and replacing the kernel (kexec), which fail with EPERM, under every system call table that this
 * machine has: a 32-bit program meets the same refusals, x32 numbers are ENOSYS, and a call of an
 * unknown architecture ends the process.
 *
 * The numbers are a sorted table for each architecture; the filter searches it as a binary tree,
 * since every system call of every command pays for it.
 */
#include "guest/seccomp.h"

#include "base/attr.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PROGRAM_MAX = 64, LEAF_MAX = 2, X32_BIT = 0x40000000 };

/* Ascending.  In the order of the names: kexec_file_load, kexec_load, process_vm_readv,
 * process_vm_writev, ptrace. */
#if defined(__x86_64__)
static const uint32_t denied_native[] = {
	101 /* ptrace */,	    246 /* kexec_load */,
	310 /* process_vm_readv */, 311 /* process_vm_writev */,
	320 /* kexec_file_load */,
};
static const uint32_t denied_compat[] = {
	26 /* ptrace */,
	283 /* kexec_load */,
	347 /* process_vm_readv */,
	348 /* process_vm_writev */,
};
#define ARCH_NATIVE AUDIT_ARCH_X86_64
#define ARCH_COMPAT AUDIT_ARCH_I386
#elif defined(__aarch64__)
static const uint32_t denied_native[] = {
	104 /* kexec_load */,	     117 /* ptrace */,		270 /* process_vm_readv */,
	271 /* process_vm_writev */, 294 /* kexec_file_load */,
};
static const uint32_t denied_compat[] = {
	26 /* ptrace */,
	347 /* kexec_load */,
	376 /* process_vm_readv */,
	377 /* process_vm_writev */,
	401 /* kexec_file_load */,
};
#define ARCH_NATIVE AUDIT_ARCH_AARCH64
#define ARCH_COMPAT AUDIT_ARCH_ARM
#else
#error "no system call table for this architecture"
#endif

struct program {
	struct sock_filter code[PROGRAM_MAX];
	unsigned short len;
};

static void emit(struct program *p, struct sock_filter instruction)
{
	assert(p->len < PROGRAM_MAX);
	p->code[p->len++] = instruction;
}

static void emit_return(struct program *p, uint32_t action)
{
	emit(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* A tree over table[0..count): each leaf ends in a verdict of its own. */
static void emit_tree(struct program *p, const uint32_t *table, size_t count)
{
	size_t middle = count / 2;
	unsigned short pivot = p->len;

	if (count <= LEAF_MAX) {
		for (size_t i = 0; i < count; i++)
			emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, table[i],
							     (uint8_t)(count - i), 0));
		emit_return(p, SECCOMP_RET_ALLOW);
		emit_return(p, SECCOMP_RET_ERRNO | EPERM);
		return;
	}
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, table[middle], 0, 0));
	emit_tree(p, table, middle);
	p->code[pivot].jt = (uint8_t)(p->len - pivot - 1);
	emit_tree(p, table + middle, count - middle);
}

/* What follows if the architecture is `arch`: its table; else the next instruction after it. */
static void emit_arch(struct program *p, uint32_t arch, const uint32_t *table, size_t count)
{
	unsigned short check = p->len;

	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 0));
	emit(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					     offsetof(struct seccomp_data, nr)));
#if defined(__x86_64__)
	if (arch == ARCH_NATIVE) {
		emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
		emit_return(p, SECCOMP_RET_ERRNO | ENOSYS);
	}
#endif
	emit_tree(p, table, count);
	p->code[check].jf = (uint8_t)(p->len - check - 1);
}

int seccomp_confine(struct err *err)
{
	struct program p = {0};
	struct sock_fprog prog = {.filter = p.code};

	emit(&p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					      offsetof(struct seccomp_data, arch)));
	emit_arch(&p, ARCH_NATIVE, denied_native, ARRAY_SIZE(denied_native));
	emit_arch(&p, ARCH_COMPAT, denied_compat, ARRAY_SIZE(denied_compat));
	emit_return(&p, SECCOMP_RET_KILL_PROCESS);
	prog.len = p.len;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return err_sys(err, errno, "install the system call filter");
	return 0;
}
