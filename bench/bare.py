# SPDX-License-Identifier: MIT
"""What bench/cold, bench/start and bench/channel share: the program in a home of its own, and the
bare QEMU that it is compared with: the same kernel, accelerator and kernel command line, no
confinement, no disk."""
import os
import shutil
import socket
import statistics
import struct
import subprocess
import tempfile
import time

BUILD = os.environ["MATCHLOCK_BUILD"]
PROGRAM = os.path.join(BUILD, "bin/matchlock")
IMAGE = ["--image", "matchlock/base"]
GUEST_HZ = 250
WARM_UPS = 10

MACHINES = {
    "microvm": "microvm,x-option-roms=off,pic=off,isa-serial=off,rtc=on,ioapic2=off",
    "q35": "q35",
}


class Home:
    """A state and cache directory for the time of a benchmark, warmed up by one run, which also
    measures the accelerator: `accel` and `tsc_khz` are what it found.  Runs make no templates in
    it; those that are wanted are made by create()."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="matchlock-bench.")
        self.env = dict(os.environ, MATCHLOCK_HOME=self.path + "/home",
                        MATCHLOCK_CACHE=self.path + "/cache", MATCHLOCK_TEMPLATE_BUILD="0")
        measured = self.path + "/cache/accel"
        for _ in range(WARM_UPS):  # on a busy machine a measurement may fail and is not kept
            subprocess.run([PROGRAM, "run", *IMAGE, "--", "true"], env=self.env, check=True)
            if os.path.exists(measured):
                break
        with open(measured) as file:
            _, self.accel, self.tsc_khz = file.read().split("\n")[:3]
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def create(self, *flags):
        subprocess.run([PROGRAM, "template", "create", "--quiet", *flags, "matchlock/base"],
                       env=self.env, check=True)


def bare_qemu(home, machine, initramfs, memory, words="", options=()):
    """The command line of a bare VM; `words` are added to the kernel's."""
    cpu = "host" if home.accel == "kvm" else "max,-erms,-fsrm"
    append = ("quiet loglevel=1 8250.nr_uarts=0 reboot=t panic=-1 mitigations=off nokaslr"
              " random.trust_cpu=on no_timer_check tsc=reliable init_on_alloc=0 ")
    if home.accel == "tcg" and int(home.tsc_khz):
        append += "tsc_early_khz=%s lpj=%d " % (home.tsc_khz, int(home.tsc_khz) * 1000 // GUEST_HZ)
    return ["qemu-system-x86_64", "-no-user-config", "-nodefaults", "-no-reboot",
            "-display", "none", "-machine", MACHINES[machine], "-m", str(memory), "-smp", "1",
            "-accel", home.accel, "-cpu", cpu, "-kernel", BUILD + "/lib/matchlock/kernel",
            "-initrd", os.path.join(BUILD, "bench", initramfs), "-append", append + words, *options]


class BarePort:
    """A bare VM with bench/port_guest at the far end of its port; `fd` is our end."""

    def __init__(self, home, memory):
        self.socket, theirs = socket.socketpair()
        self.qemu = subprocess.Popen(
            bare_qemu(home, "microvm", "bare-channel.cpio", memory, options=(
                "-global", "virtio-mmio.force-legacy=false",
                "-chardev", "socket,id=ctl,fd=%d" % theirs.fileno(),
                "-device", "virtio-serial-device,max_ports=4",
                "-device", "virtserialport,chardev=ctl,name=ctl")),
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self.fd = self.socket.fileno()

    def request(self, letter, count):
        os.write(self.fd, letter + struct.pack("<Q", count))

    def await_answer(self):
        if os.read(self.fd, 1) != b"k":
            raise SystemExit("the bare VM ended")

    def close(self):
        self.request(b"q", 0)
        self.qemu.wait(30)


def ahead_of_others(pid):
    """Puts a process and its children before what else runs on the machine, where that is allowed:
    each session is a scheduling group of its own, and an ordinary one shares evenly with all
    others, however nice those are within theirs."""
    try:
        with open("/proc/%d/autogroup" % pid, "w") as file:
            file.write("-20")
    except OSError:
        return
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        for child in file.read().split():
            ahead_of_others(int(child))


def timed(command, **options):
    """The ms that a command takes."""
    start = time.monotonic()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, **options)
    return 1000 * (time.monotonic() - start)


def median(values):
    return statistics.median(values)


def load():
    """How busy the machine is with other things: for the reader of the figures."""
    return "load %.1f on %d CPUs" % (os.getloadavg()[0], os.cpu_count())
