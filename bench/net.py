#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The network of a sandbox, through its gateway, beside the same kernel and card in a bare QEMU with
slirp (`-netdev user`) and with Debian's passt (`-netdev stream`): bulk each way, round trips, new
connections, against the same server on the host's loopback, in turn within one run; medians, ratios
and CPU seconds a gigabyte.  Then what the gateway takes for 10,000 idle connections.

	MATCHLOCK_BUILD=build bench/net.py [--rounds N] [--idle N]

In each guest is bench/net_guest, which is told what to do over a connection of its own.  Run by root
all of it belongs to an ordinary user; root only reads the gateway's memory, which nobody else may.
"""
import argparse
import os
import resource
import shutil
import socket
import subprocess
import time

import bare
from bare import BUILD, IMAGE, Home, bare_qemu, load, median

MEMORY = 512
BULK = 64 << 20
USER = 47011
GUEST_WAIT_S = 60
TICKS = os.sysconf("SC_CLK_TCK")
GATEWAY_ADDRESS = "10.0.2.2"  # of slirp; passt is told the same
# Name, kind (traffic.h), connections at once, count of all together, whether it is bulk.
METRICS = (
    ("down, 1 connection", "d", 1, BULK, True),
    ("up, 1 connection", "u", 1, BULK, True),
    ("down, 4 connections", "d", 4, BULK, True),
    ("up, 4 connections", "u", 4, BULK, True),
    ("round trip", "p", 1, 500, False),
    ("connections, 1 at once", "c", 1, 200, False),
    ("connections, 4 at once", "c", 4, 400, False),
)
# Idle connections that tell which process the gateway is, and descriptors of it that others have: it
# has two for each connection, and no more than this machine lets a process have.
FIRST_IDLE, SPARE_FDS = 100, 2 * 100 + 300
# Of passt's figures.
TARGET_BULK, TARGET_CONNECTIONS = 1.5, 1.0
CARD = "virtio-net-device,netdev=n0"
# The sandbox is given its program by its input, and the server's address by its resolver.
SCRIPT = """cat >/tmp/net_guest && chmod 755 /tmp/net_guest
ulimit -n 11000 2>/dev/null
address=$(nslookup -type=a bench.internal | awk '/^Address/ { last = $NF } END { print last }')
exec /tmp/net_guest $address:%d:%d"""


def tree(pid):
    """A process and all below it that still are."""
    try:
        yield pid
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, task)) as file:
                for child in file.read().split():
                    yield from tree(int(child))
    except OSError:
        return


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        with open("/proc/%d/stat" % pid) as file:
            fields = file.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


class Guest:
    """A VM with net_guest; `processes` are all that its traffic runs through."""

    def __init__(self, name, control, children):
        self.name, self.children = name, children
        self.values = {metric[0]: [] for metric in METRICS}
        self.cpu, self.gigabytes = 0, 0
        control.settimeout(GUEST_WAIT_S)
        try:
            self.sock = control.accept()[0]
        except TimeoutError:
            raise SystemExit("net: the guest of %s did not come" % name)
        self.processes = sorted({pid for child in children for pid in tree(child.pid)})

    def do(self, kind, conns, count):
        """Seconds that it took."""
        start = time.monotonic()
        self.sock.sendall(b"%s %d %d\n" % (kind.encode(), conns, count // conns))
        if self.sock.recv(1) != b"k":
            raise SystemExit("net: the guest of %s ended" % self.name)
        return time.monotonic() - start

    def measure(self, name, kind, conns, count, bulk):
        cpu = cpu_seconds(self.processes)
        took = self.do(kind, conns, count)
        if bulk:
            self.cpu += cpu_seconds(self.processes) - cpu
            self.gigabytes += count / 1e9
        self.values[name].append(count / took)

    def close(self):
        self.sock.close()
        for child in self.children:
            child.wait(GUEST_WAIT_S)


class Lab:
    """What the guests have in common: home, server, the socket that they come to."""

    def __init__(self, home):
        self.home = home
        self.as_user = []
        self.program = bare.PROGRAM
        self.control = socket.create_server(("127.0.0.1", 0))
        if os.geteuid() == 0:
            self.as_user = ["setpriv", "--reuid", str(USER), "--regid", str(USER),
                            "--clear-groups", "--"]
            self.copy_program()
            subprocess.run(["chown", "-R", "%d:%d" % (USER, USER), home.path], check=True)
        self.server = subprocess.Popen([BUILD + "/bench/net_server"], stdout=subprocess.PIPE)
        self.port = int(self.server.stdout.readline())
        self.control_port = self.control.getsockname()[1]

    def copy_program(self):
        """One that any user can read."""
        target = self.home.path + "/program"
        os.mkdir(target)
        for name in ("bin", "lib", "libexec"):
            subprocess.run(["cp", "-rL", "--sparse=always", os.path.join(BUILD, name), target],
                           check=True)
        self.program = target + "/bin/matchlock"

    def sandbox(self):
        flags = []
        for port in (self.control_port, self.port):
            flags += ["--allow-host-service", "bench.internal=127.0.0.1:%d" % port]
        with open(BUILD + "/bench/net_guest", "rb") as guest:
            run = subprocess.Popen(
                [*self.as_user, self.program, "run", "-i", "--memory", str(MEMORY), *flags, *IMAGE,
                 "--", "sh", "-c", SCRIPT % (self.control_port, self.port)],
                env=self.home.env, stdin=guest)
        return Guest("gateway", self.control, [run])

    def bare(self, name, netdev, others):
        words = "net_guest=%s:%d:%d" % (GATEWAY_ADDRESS, self.control_port, self.port)
        options = ["-global", "virtio-mmio.force-legacy=false", "-netdev", netdev, "-device", CARD]
        qemu = bare_qemu(self.home, "microvm", "bare-net.cpio", MEMORY, words, options)
        qemu[qemu.index(BUILD + "/lib/matchlock/kernel")] = self.home.path + "/kernel"
        qemu[qemu.index(BUILD + "/bench/bare-net.cpio")] = self.home.path + "/initramfs"
        child = subprocess.Popen([*self.as_user, *qemu], stdin=subprocess.DEVNULL)
        return Guest(name, self.control, [child, *others])

    def passt(self):
        path = self.home.path + "/passt.sock"
        child = subprocess.Popen(
            [*self.as_user, "passt", "--foreground", "--one-off", "--quiet", "--ipv4-only",
             "--address", "10.0.2.15", "--netmask", "24", "--gateway", GATEWAY_ADDRESS,
             "--socket", path],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # it tells how to start QEMU
        deadline = time.monotonic() + GUEST_WAIT_S
        while not os.path.exists(path) and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.bare("passt", "stream,id=n0,server=off,addr.type=unix,addr.path=" + path,
                         [child])

    def guests(self):
        for source, name in ((BUILD + "/lib/matchlock/kernel", "kernel"),
                             (BUILD + "/bench/bare-net.cpio", "initramfs")):
            shutil.copy(source, os.path.join(self.home.path, name))
        guests = [self.sandbox(), self.bare("slirp", "user,id=n0", [])]
        if shutil.which("passt"):
            guests.append(self.passt())
        return guests

    def close(self):
        self.server.kill()
        self.server.wait()


def shown(name, value):
    """A rate as people read it."""
    if "trip" in name:
        return "%.0f us" % (1e6 / value)
    return "%.0f/s" % value if "connections," in name else "%.2f Gbit/s" % (value * 8e-9)


def report(guests):
    ours = guests[0]
    for name, kind, _, _, bulk in METRICS:
        middle = {guest.name: median(guest.values[name]) for guest in guests}
        line = ", ".join("%s %s" % (guest, shown(name, value)) for guest, value in middle.items())
        ratios = ", ".join("%.2f of %s" % (middle[ours.name] / value, guest)
                           for guest, value in middle.items() if guest != ours.name)
        print("net: %-22s %s; speed %s%s" % (name, line, ratios, verdict(middle, kind, bulk)))
    for guest in guests:
        print("net: %s: %.2f CPU seconds a gigabyte, the VM's included"
              % (guest.name, guest.cpu / guest.gigabytes))


def verdict(middle, kind, bulk):
    target = TARGET_BULK if bulk else TARGET_CONNECTIONS
    if "passt" not in middle or not (bulk or kind == "c"):
        return ""
    met = middle["gateway"] >= target * middle["passt"]
    return " (target >= %.1f of passt: %s)" % (target, "met" if met else "missed")


def pss(pid):
    with open("/proc/%d/smaps_rollup" % pid) as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Pss:")) * 1024


def gateway_of(guest):
    """The process that has more sockets than any other of its sandbox: one for each connection."""
    def sockets(pid):
        links = (os.readlink(link) for link in os.scandir("/proc/%d/fd" % pid))
        return sum(link.startswith("socket:") for link in links)
    return max(guest.processes, key=sockets)


def measure_idle(guest, count):
    if os.geteuid() != 0:
        print("net: memory is not measured: it takes root")
        return
    guest.do("i", 1, FIRST_IDLE)
    gateway = gateway_of(guest)
    before = pss(gateway)
    count = min(count, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE_FDS) // 2)
    took = guest.do("i", 1, count)
    after = pss(gateway)
    print("net: %d idle connections, made in %.1f s: the gateway has %.1f MiB (PSS), before %.1f: "
          "%.0f bytes each" % (count, took, after / 2**20, before / 2**20, (after - before) / count))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("BENCH_ROUNDS", "5")))
    parser.add_argument("--idle", type=int, default=10000)
    options = parser.parse_args()
    with Home() as home:
        lab = Lab(home)
        guests = lab.guests()
        for _ in range(options.rounds):
            for metric in METRICS:
                for guest in guests:
                    guest.measure(*metric)
        report(guests)
        measure_idle(guests[0], options.idle)
        for guest in guests:
            guest.close()
        lab.close()
        print("net: %s, %d rounds, %s" % (home.accel, options.rounds, load()))


main()
