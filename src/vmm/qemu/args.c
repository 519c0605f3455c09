// SPDX-License-Identifier: MIT
/*
 * The command line of QEMU: one function for each part of the machine, in the order in which they
 * are added.  The machine is `microvm` with everything off that a Linux guest does not need: no
 * option ROMs, no interrupt controller of the PC, no PCI.  What stays is there for a reason: the
 * RTC, without which the guest kernel waits two seconds for one; the PIT, which it needs under TCG;
 * the serial port, so that its console is there from the first instruction and a panic shows.
 *
 * Happy path only: the spec has been checked by the caller, so nothing can fail here.
 */
#include "vmm/qemu/args.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/guest_net.h"
#include "base/limits.h"
#include "base/strv.h"

#include <inttypes.h>
#include <string.h>

enum {
	GUEST_HZ = 250,	 /* CONFIG_HZ of the packaged kernel */
	SMALL_SLOTS = 6, /* for disks, of eight: less channel and network card */
	EMPTY_SLOT_BYTES = 1024 * 1024,
};

static void add(char ***args, const char *option, const char *value)
{
	strv_add(args, option);
	strv_add(args, value);
}

/* The same with a formatted value. */
#define addf(args, option, ...)                            \
	do {                                               \
		strv_add((args), (option));                \
		strv_take((args), xasprintf(__VA_ARGS__)); \
	} while (0)

static void add_process(char ***args, const struct vm_spec *spec)
{
	(void)spec;
	strv_add(args, "-no-user-config");
	strv_add(args, "-nodefaults");
	strv_add(args, "-no-reboot"); /* a panic or a restart of the guest ends QEMU */
	add(args, "-display", "none");
}

/* The small build for KVM has no `-sandbox`; what it would add there is little beside our jail. */
static void add_sandbox(char ***args, const char *program)
{
	const char *suffix = strstr(program, "-microvm");

	if (!suffix || suffix[strlen("-microvm")] != '\0')
		add(args, "-sandbox",
		    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
}

int qemu_fd_of_tap(const struct vm_spec *spec)
{
	return QEMU_FD_DISKS + (int)spec->disk_count;
}

int qemu_fd_of_state(const struct vm_spec *spec)
{
	return qemu_fd_of_tap(spec) + (spec->net_fd >= 0);
}

size_t vm_slots(size_t disk_count)
{
	return disk_count <= SMALL_SLOTS ? SMALL_SLOTS : LIMIT_DISKS;
}

static bool is_restored(const struct vm_spec *spec)
{
	return spec->begin == VM_RESTORE || spec->begin == VM_RESTORE_INTO;
}

static void add_ram(char ***args, const struct vm_spec *spec)
{
	if (spec->begin == VM_BOOT)
		addf(args, "-object", "memory-backend-ram,id=ram,size=%uM", spec->memory_mb);
	else
		addf(args, "-object",
		     "memory-backend-file,id=ram,size=%uM,mem-path=" QEMU_RAM_PATH ",share=%s",
		     spec->memory_mb, spec->begin == VM_RESTORE ? "off" : "on");
}

static void add_machine(char ***args, const struct vm_spec *spec)
{
	addf(args, "-machine",
	     "microvm,x-option-roms=off,pic=off,isa-serial=on,rtc=on,ioapic2=%s,memory-backend=ram",
	     MAX(spec->slots, spec->disk_count) <= SMALL_SLOTS ? "off" : "on");
	add_ram(args, spec);
	addf(args, "-m", "%u", spec->memory_mb);
	addf(args, "-smp", "%u", spec->cpus);
	add(args, "-accel", accel_name(spec->accel));
	/* Without erms and fsrm the guest copies memory by plain moves, which TCG runs two to five
	 * times as fast as string instructions. */
	add(args, "-cpu", spec->accel == ACCEL_KVM ? "host" : "max,-erms,-fsrm");
	add(args, "-global", "virtio-mmio.force-legacy=false");
}

static void add_console(char ***args, const struct vm_spec *spec)
{
	(void)spec;
	add(args, "-chardev", "stdio,id=console,signal=off");
	add(args, "-serial", "chardev:console");
}

static void add_channel(char ***args, const struct vm_spec *spec)
{
	(void)spec;
	addf(args, "-chardev", "socket,id=ctl,fd=%d", QEMU_FD_CHANNEL);
	add(args, "-device", "virtio-serial-device,id=serial,max_ports=4");
	add(args, "-device", "virtserialport,chardev=ctl,name=ctl");
}

static void add_monitor(char ***args, const struct vm_spec *spec)
{
	(void)spec;
	addf(args, "-chardev", "socket,id=qmp,fd=%d", QEMU_FD_QMP);
	add(args, "-mon", "chardev=qmp,mode=control");
}

/* The descriptor is the file: no lock is asked for, since whoever opened it decides who else may.
 * An error of the host, such as a full disk, is the guest's to see; QEMU would pause the VM for it
 * and wait for an answer that nobody gives. */
static void add_disk(char ***args, const struct vm_spec *spec, size_t i)
{
	addf(args, "-add-fd", "fd=%d,set=%zu", QEMU_FD_DISKS + (int)i, i);
	addf(args, "-blockdev",
	     "driver=file,node-name=d%zu,filename=/dev/fdset/%zu,read-only=%s,"
	     "auto-read-only=off,locking=off",
	     i, i, spec->disks[i].read_only ? "on" : "off");
}

static void add_disks(char ***args, const struct vm_spec *spec)
{
	for (size_t i = 0; i < MAX(spec->slots, spec->disk_count); i++) {
		if (i < spec->disk_count)
			add_disk(args, spec, i);
		else
			addf(args, "-blockdev",
			     "driver=null-co,node-name=d%zu,read-zeroes=on,size=%d", i,
			     EMPTY_SLOT_BYTES);
		addf(args, "-device",
		     "virtio-blk-device,drive=d%zu,id=b%zu,rerror=report,werror=report", i, i);
	}
}

/* Templates and clones always have a card; without a TAP it leads nowhere.  It has no control
 * queue, which would be code of QEMU for the guest to attack and has nothing to control: one
 * address, no filters, no announcement after a restore.  It has no link state either: without one
 * the guest's link is up at once, with one its first packets are lost. */
static void add_card(char ***args, const struct vm_spec *spec)
{
	if (spec->net_fd >= 0)
		addf(args, "-netdev", "tap,id=n0,fd=%d", qemu_fd_of_tap(spec));
	else if (spec->slots)
		add(args, "-netdev", "hubport,id=n0,hubid=0");
	else
		return;
	add(args, "-device",
	    "virtio-net-device,netdev=n0,mac=" NET_GUEST_MAC ",status=off,ctrl_vq=off,ctrl_rx=off,"
	    "ctrl_rx_extra=off,ctrl_vlan=off,ctrl_mac_addr=off,ctrl_guest_offloads=off,"
	    "guest_announce=off");
}

/* Level 3 keeps panics on the console; one level more would show an error about the missing PCI bus
 * at every boot, and whoever looks for the cause of a failed start would find that.  The rates
 * spare the guest a calibration against the PIT that hangs for ever when a busy host disturbs it.
 * Pages are not cleared before the guest's kernel uses them itself, which would cost a tenth of all
 * bytes that pass through a pipe: the VM is the boundary, and is thrown away.  Pressure accounting
 * and the LSMs that work by path names, for which nobody loads a profile, are left out: in
 * emulation they are a tenth of the time of a start. */
static void add_begin(char ***args, const struct vm_spec *spec)
{
	AUTO_FREE char *clock = NULL;

	if (spec->accel == ACCEL_TCG && spec->tsc_khz)
		clock = xasprintf(" tsc_early_khz=%u lpj=%" PRIu64, spec->tsc_khz,
				  (uint64_t)spec->tsc_khz * 1000 / GUEST_HZ);
	if (is_restored(spec)) { /* the state is asked for on the monitor */
		add(args, "-incoming", "defer");
		return;
	}
	add(args, "-kernel", QEMU_KERNEL_PATH);
	add(args, "-initrd", QEMU_INITRAMFS_PATH);
	addf(args, "-append",
	     "console=ttyS0 8250.nr_uarts=1 quiet loglevel=3 reboot=t panic=-1 "
	     "mitigations=off nokaslr random.trust_cpu=on no_timer_check tsc=reliable "
	     "init_on_alloc=0 psi=0 lsm=landlock,lockdown,yama,bpf%s",
	     clock ? clock : "");
}

char **qemu_args(const char *program, const struct vm_spec *spec)
{
	static void (*const parts[])(char ***args, const struct vm_spec *spec) = {
		add_process, add_machine, add_console, add_channel,
		add_monitor, add_disks,	  add_card,    add_begin,
	};
	char **args = NULL;

	strv_add(&args, program);
	add_sandbox(&args, program);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i](&args, spec);
	return args;
}
