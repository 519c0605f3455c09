// SPDX-License-Identifier: MIT
/*
 * tap_attack: runs in QEMU's jail in QEMU's place, with a TAP as descriptor 3, and asks for all
 * that QEMU does not need.  A line for each way that was not refused; then it tries to enter a
 * namespace, which ends it.  Static, knows nothing of the program.
 */
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TAP = 3, LAST = 255 };

/* As the kernel's headers have them; a number that is not used yet has no argument. */
static const unsigned long known[] = {
	TUNSETNOCSUM,	  TUNSETDEBUG,	   TUNSETIFF,	   TUNSETPERSIST,  TUNSETOWNER,
	TUNSETLINK,	  TUNSETGROUP,	   TUNGETFEATURES, TUNSETTXFILTER, TUNGETSNDBUF,
	TUNATTACHFILTER,  TUNDETACHFILTER, TUNSETQUEUE,	   TUNSETIFINDEX,  TUNGETFILTER,
	TUNSETVNETLE,	  TUNGETVNETLE,	   TUNSETVNETBE,   TUNGETVNETBE,   TUNSETSTEERINGEBPF,
	TUNSETFILTEREBPF, TUNSETCARRIER,   TUNGETDEVNETNS, SIOCGSKNS,	   SIOCGIFHWADDR,
	SIOCSIFHWADDR,	  SIOCGIFNAME,	   SIOCGIFINDEX,
};

/* What QEMU does with its TAP. */
static const unsigned long needed[] = {TUNGETIFF, TUNSETOFFLOAD, TUNSETVNETHDRSZ, TUNGETVNETHDRSZ,
				       TUNSETSNDBUF};

static char argument[4096];

/* By the system call itself: the upper half of the register is not the kernel's business, and must
 * not be the filter's. */
static long ask(unsigned long number)
{
	return syscall(SYS_ioctl, TAP, number, argument);
}

static void try(unsigned long number)
{
	if (ask(number) >= 0 || errno != EPERM)
		printf("not refused: ioctl %#lx\n", number);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		try(known[i]);
		try(known[i] | 1UL << 32);
	}
	for (unsigned long number = TUNGETDEVNETNS & 0xff; number <= LAST; number++)
		try(_IO('T', number));
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		int size = 10;

		if (needed[i] == TUNSETVNETHDRSZ || needed[i] == TUNSETSNDBUF)
			*(int *)(void *)argument = size;
		if (syscall(SYS_ioctl, TAP, needed[i],
			    needed[i] == TUNSETOFFLOAD ? 0 : (long)argument) < 0)
			printf("refused: ioctl %#lx\n", needed[i]);
	}
	printf("tried\n");
	fflush(stdout);
	setns(TAP, CLONE_NEWNET);
	printf("not ended by setns\n");
	return 0;
}
