// SPDX-License-Identifier: MIT
#include "vmm/qemu/args.h"

#include "base/buf.h"
#include "base/strv.h"
#include "base/tap.h"

/* The whole command line, blank-separated, in `ret_text`. */
static void line_of(const struct vm_spec *spec, struct buf *ret_text)
{
	char **args = qemu_args("/usr/bin/qemu", spec);

	buf_clear(ret_text);
	for (size_t i = 0; args[i]; i++)
		buf_printf(ret_text, "%s%s", i ? " " : "", args[i]);
	strv_free(args);
}

static bool has_sandbox(const char *program, const struct vm_spec *spec)
{
	char **args = qemu_args(program, spec);
	bool found = false;

	for (size_t i = 0; args[i]; i++)
		found = found || strcmp(args[i], "-sandbox") == 0;
	strv_free(args);
	return found;
}

static void check_has(const struct buf *text, const char *part, bool wanted)
{
	if ((strstr(text->ptr, part) != NULL) != wanted)
		printf("# %s: %s\n# in %s\n", wanted ? "missing" : "unwanted", part, text->ptr);
	CHECK((strstr(text->ptr, part) != NULL) == wanted);
}

int main(void)
{
	static const struct vm_disk disks[7] = {{40, true}, {41, false}};
	struct vm_spec spec = {.accel = ACCEL_TCG,
			       .tsc_khz = 2596142,
			       .cpus = 3,
			       .memory_mb = 640,
			       .disks = disks,
			       .disk_count = 2,
			       .net_fd = -1};
	AUTO_BUF struct buf text = BUF_INIT(65536);

	TEST("under TCG: clock rates, no string moves, the small shape");
	line_of(&spec, &text);
	check_has(&text, " -no-user-config -nodefaults ", true);
	check_has(&text, " -accel tcg -cpu max,-erms,-fsrm ", true);
	check_has(&text, " tsc_early_khz=2596142 lpj=10384568", true);
	check_has(&text, ",ioapic2=off,", true);
	check_has(&text, "id=ram,size=640M -m 640 -smp 3 ", true);
	check_has(&text, " -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,", true);

	TEST("disks by descriptor, in order, each with its mode");
	check_has(&text,
		  " -add-fd fd=5,set=0 -blockdev driver=file,node-name=d0,filename=/dev/fdset/0,"
		  "read-only=on,",
		  true);
	check_has(&text,
		  " -add-fd fd=6,set=1 -blockdev driver=file,node-name=d1,filename=/dev/fdset/1,"
		  "read-only=off,",
		  true);

	TEST("an error of the host's disk reaches the guest and never pauses it");
	check_has(&text, " -device virtio-blk-device,drive=d1,id=b1,rerror=report,werror=report ",
		  true);

	TEST("without a known rate the guest finds it out");
	spec.tsc_khz = 0;
	line_of(&spec, &text);
	check_has(&text, "tsc_early_khz", false);
	check_has(&text, " tsc=reliable", true);

	TEST("under KVM: the host's processor and clock, nothing else differs");
	spec.accel = ACCEL_KVM;
	spec.tsc_khz = 2596142;
	line_of(&spec, &text);
	check_has(&text, " -accel kvm -cpu host ", true);
	check_has(&text, "tsc_early_khz", false);

	TEST("the small build for KVM knows no -sandbox");
	CHECK(has_sandbox("/usr/bin/qemu-system-x86_64", &spec));
	CHECK(has_sandbox("/opt/x-microvm/qemu-system-x86_64", &spec));
	CHECK(!has_sandbox("/usr/bin/qemu-system-x86_64-microvm", &spec));

	TEST("a template: RAM in a file, all slots filled, a card that leads nowhere");
	spec.begin = VM_BOOT_INTO;
	spec.slots = vm_slots(2);
	line_of(&spec, &text);
	check_has(&text, ",mem-path=/ram,share=on -m 640 ", true);
	check_has(&text, " -add-fd fd=6,set=1 ", true);
	check_has(&text, " -blockdev driver=null-co,node-name=d2,read-zeroes=on,size=1048576 ",
		  true);
	check_has(&text, ",id=b5,", true);
	check_has(&text, ",id=b6,", false);
	check_has(&text, " -netdev hubport,id=n0,", true);
	check_has(&text, " -device virtio-net-device,netdev=n0,mac=02:00:64:40:00:02,", true);
	check_has(&text, " -kernel ", true);

	TEST("a clone of it: never written, no kernel, it waits for the state");
	spec.begin = VM_RESTORE;
	line_of(&spec, &text);
	check_has(&text, ",mem-path=/ram,share=off ", true);
	check_has(&text, " -incoming defer", true);
	check_has(&text, " -kernel ", false);
	check_has(&text, " -append ", false);
	spec.begin = VM_RESTORE_INTO;
	line_of(&spec, &text);
	check_has(&text, ",mem-path=/ram,share=on ", true);

	TEST("the TAP comes behind the disks, the state behind the TAP; the card stays the same");
	CHECK(qemu_fd_of_state(&spec) == 7);
	spec.net_fd = 42;
	CHECK(qemu_fd_of_tap(&spec) == 7 && qemu_fd_of_state(&spec) == 8);
	line_of(&spec, &text);
	check_has(&text, " -netdev tap,id=n0,fd=7 -device virtio-net-device,netdev=n0,mac=", true);
	spec.begin = VM_BOOT;
	spec.slots = 0;
	line_of(&spec, &text);
	check_has(&text, " -netdev tap,id=n0,fd=7 -device virtio-net-device,netdev=n0,mac=", true);
	spec.net_fd = -1;
	line_of(&spec, &text);
	check_has(&text, "virtio-net", false);
	spec.begin = VM_RESTORE_INTO;

	TEST("the large shape has 22 slots");
	spec.slots = vm_slots(7);
	CHECK(spec.slots == 22);
	line_of(&spec, &text);
	check_has(&text, ",ioapic2=on,", true);
	check_has(&text, ",id=b21,", true);
	spec.begin = VM_BOOT;
	spec.slots = 0;

	TEST("a seventh disk needs the large shape");
	spec.disk_count = 7;
	line_of(&spec, &text);
	check_has(&text, ",ioapic2=on,", true);
	check_has(&text, "fd=11,set=6", true);
	return tap_done();
}
