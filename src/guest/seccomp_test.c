// SPDX-License-Identifier: MIT
/* The filter as programs meet it: installed in a child, by every way into the kernel. */
#include "guest/seccomp.h"

#include "base/tap.h"

#include <errno.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
/* A system call of the 32-bit table: -errno or the result.  -ENOSYS too where the kernel has no
 * such table (then it is a fault, and the child dies). */
static long call32(long number)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(0L), "c"(0L), "d"(0L)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}
#endif

/* Runs one call under the filter; the child's exit status is its errno, 0 for success. */
static int under_filter(long (*call)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct err err;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (seccomp_confine(&err) < 0)
			_exit(255);
		_exit((int)call());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static long result_of(long result)
{
	return result < 0 ? errno : 0;
}

static long call_getpid(void)
{
	return result_of(syscall(SYS_getpid));
}

static long call_ptrace(void)
{
	return result_of(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0));
}

static long call_vm_readv(void)
{
	return result_of(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0));
}

static long call_vm_writev(void)
{
	return result_of(syscall(SYS_process_vm_writev, getpid(), NULL, 0, NULL, 0, 0));
}

static long call_kexec(void)
{
	return result_of(syscall(SYS_kexec_load, 0, 0, NULL, ~0UL));
}

static long call_kexec_file(void)
{
	return result_of(syscall(SYS_kexec_file_load, -1, -1, 0, NULL, ~0UL));
}

static void test_native(void)
{
	TEST("what is not listed goes through");
	CHECK(under_filter(call_getpid) == 0);
	TEST("each listed call is refused with EPERM");
	CHECK(under_filter(call_ptrace) == EPERM);
	CHECK(under_filter(call_vm_readv) == EPERM);
	CHECK(under_filter(call_vm_writev) == EPERM);
	CHECK(under_filter(call_kexec) == EPERM);
	CHECK(under_filter(call_kexec_file) == EPERM);
}

#if defined(__x86_64__)
static long call_x32(void)
{
	return result_of(syscall(0x40000000 + SYS_getpid));
}

static long call_x32_ptrace(void)
{
	return result_of(syscall(0x40000000 + 521));
}

static long call32_getpid(void)
{
	long result = call32(20);

	return result < 0 ? -result : 0;
}

static long call32_ptrace(void)
{
	return -call32(26);
}

static long call32_vm_readv(void)
{
	return -call32(347);
}

static void test_other_tables(void)
{
	TEST("x32 numbers do not exist");
	CHECK(under_filter(call_x32) == ENOSYS);
	CHECK(under_filter(call_x32_ptrace) == ENOSYS);
	TEST("the 32-bit table is filtered too");
	if (under_filter(call32_getpid) != 0) {
		SKIP("the kernel has no 32-bit system calls");
		return;
	}
	CHECK(under_filter(call32_ptrace) == EPERM);
	CHECK(under_filter(call32_vm_readv) == EPERM);
}
#endif

int main(void)
{
	test_native();
#if defined(__x86_64__)
	test_other_tables();
#endif
	return tap_done();
}
