// SPDX-License-Identifier: MIT
/*
 * Runs a loop of 10,000 instructions in a virtual machine of one page, in real mode, by the raw KVM
 * interface, and takes the time.  Hardware needs some tens of microseconds with its exits and page
 * faults; a KVM that interprets guest code needs milliseconds.  The best of three runs counts, so
 * that one lost time slice does not decide.  An interval timer interrupts a run that is much too
 * slow.  Runs in a child of its own: nothing is released, the end of the process does that, and
 * nothing is allocated.
 */
#include "vmm/kvm_probe.h"

#include "base/attr.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#if defined(__x86_64__)
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	LOOPS = 5000, /* of two instructions */
	LIMIT_US = 2000,
	TIMER_US = 10000,
	RUNS = 3,
	GUEST_PAGE = 0x1000, /* its address in the guest, and its size */
	TSS_AT = 0xfffbd000, /* three pages that KVM wants for real mode on old processors */
};

/* mov ecx, LOOPS; 1: dec ecx; jnz 1b; hlt */
static const unsigned char guest_code[] = {0x66, 0xb9, LOOPS & 0xff, LOOPS >> 8, 0,   0,
					   0x66, 0x49, 0x75,	     0xfc,	 0xf4};

struct machine {
	int vcpu;
	struct kvm_run *run;
};

static void on_alarm(int sig)
{
	(void)sig;
}

/* So that a timer makes KVM_RUN return. */
static void start_timer(void)
{
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval timer = {.it_value.tv_usec = TIMER_US, .it_interval.tv_usec = TIMER_US};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Returns the name of the step that failed, or NULL. */
static const char *make_machine(struct machine *machine)
{
	struct kvm_userspace_memory_region memory = {.guest_phys_addr = GUEST_PAGE,
						     .memory_size = GUEST_PAGE};
	void *page =
		mmap(NULL, GUEST_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, run_size;

	if (kvm < 0 || page == MAP_FAILED)
		return "open";
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return "version";
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return "create a VM";
	ioctl(vm, KVM_SET_TSS_ADDR, TSS_AT); /* needed on old Intel only */
	memcpy(page, guest_code, sizeof(guest_code));
	memory.userspace_addr = (uintptr_t)page;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &memory) < 0)
		return "give memory";
	machine->vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (machine->vcpu < 0 || run_size < (int)sizeof(struct kvm_run))
		return "create a CPU";
	machine->run =
		mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, machine->vcpu, 0);
	return machine->run == MAP_FAILED ? "map a CPU" : NULL;
}

/* One run from the start of the code.  Returns as above; the time only when it got to the end. */
static const char *run_once(const struct machine *machine, uint64_t *ret_us)
{
	struct kvm_regs regs = {.rip = GUEST_PAGE, .rflags = 2};
	struct kvm_sregs sregs;
	uint64_t start;

	if (ioctl(machine->vcpu, KVM_GET_SREGS, &sregs) < 0)
		return "read registers";
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(machine->vcpu, KVM_SET_SREGS, &sregs) < 0 ||
	    ioctl(machine->vcpu, KVM_SET_REGS, &regs) < 0)
		return "set registers";
	start = clock_monotonic_ns();
	if (ioctl(machine->vcpu, KVM_RUN, 0) < 0 && errno != EINTR)
		return "run";
	*ret_us = (clock_monotonic_ns() - start) / 1000;
	if (machine->run->exit_reason == KVM_EXIT_INTR)
		*ret_us = MAX(*ret_us, TIMER_US);
	else if (machine->run->exit_reason != KVM_EXIT_HLT)
		return "run to the end";
	return NULL;
}

void kvm_probe(void *arg, void *ret_result)
{
	struct kvm_probe_result *result = ret_result;
	struct machine machine = {.vcpu = -1};
	uint64_t us = 0, best = UINT64_MAX;
	const char *failed;

	(void)arg;
	start_timer();
	failed = make_machine(&machine);
	for (int i = 0; i < RUNS && !failed && best > LIMIT_US && us < TIMER_US; i++) {
		failed = run_once(&machine, &us);
		best = MIN(best, us);
	}
	result->fast = !failed && best <= LIMIT_US;
	if (failed)
		snprintf(result->reason, sizeof(result->reason), "/dev/kvm failed to %s: %s",
			 failed, strerror(errno));
	else if (!result->fast)
		snprintf(result->reason, sizeof(result->reason),
			 "/dev/kvm is slow here, without hardware help: %d instructions took %u us",
			 2 * LOOPS, (unsigned)best);
}
#else
void kvm_probe(void *arg, void *ret_result)
{
	struct kvm_probe_result *result = ret_result;

	(void)arg;
	snprintf(result->reason, sizeof(result->reason), "KVM is used on x86-64 only");
}
#endif
