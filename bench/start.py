#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How fast a sandbox starts: the whole process of `run -- true` from the image's template, from the
generic one and by a boot, in turn with the bare QEMU that boots the same kernel and powers off at
once, with the same start without a network, and with `podman run` of the same busybox where that is
installed (with runc, as root); then twenty starts at once, and the memory that one more idle sandbox takes.

	MATCHLOCK_BUILD=build bench/start.py [--accel kvm|tcg] [--rounds N]

Without --accel the program chooses.  The bare one is the quicker of microvm and q35.  Memory is the
proportional set size of all processes of a sandbox, read as root only: QEMU lets nobody else look.
"""
import argparse
import contextlib
import json
import os
import shutil
import subprocess
import threading
import time

from bare import BUILD, IMAGE, PROGRAM, Home, bare_qemu, load, median, timed

MEMORY = 512
AT_ONCE = 20
CLONES = 3
BARE_EACH = 4  # rounds for one of what takes seconds
TARGETS = {"image": 175, "generic": 400}
TARGET_RATIO, TARGET_P95, TARGET_PSS = 0.075, 1.5, 40
TARGET_NETWORK = 10
PODMAN_IMAGE = "localhost/matchlock-bench:1"
# The limits: a machine may forbid podman to raise them.
PODMAN = ["podman", "--runtime", "runc", "run", "--rm", "--network", "none",
          "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000", PODMAN_IMAGE, "/bin/true"]


def run(flags, *words):
    return [PROGRAM, "run", *IMAGE, *flags, "--", *(words or ("true",))]


def p95(values):
    return sorted(values)[max(0, -(-95 * len(values) // 100) - 1)]


@contextlib.contextmanager
def podman():
    """The busybox of matchlock/base as an image of podman; gives the command, or None."""
    if not (shutil.which("podman") and shutil.which("runc")) or os.geteuid() != 0:
        yield None
        return
    with subprocess.Popen(["tar", "-C", BUILD + "/guest/base", "-cf", "-", "."],
                          stdout=subprocess.PIPE) as tar:
        subprocess.run(["podman", "import", "-q", "-", PODMAN_IMAGE], stdin=tar.stdout, check=True,
                       stdout=subprocess.DEVNULL)
    yield PODMAN
    subprocess.run(["podman", "rmi", PODMAN_IMAGE], check=True, stdout=subprocess.DEVNULL)


def steps(home, flags):
    """The steps of one run, as --timings tells them; from what it was started."""
    told = subprocess.run(run([*flags, "--timings=json"]), env=home.env, check=True, text=True,
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE).stderr
    told = json.loads(told.strip().split("\n")[-1])
    return told["started_by"], [(("guest: " if step["guest"] else "") + step["step"],
                                 step["took_ms"]) for step in told["steps"]]


def check_levels(homes, ways):
    """A figure of a level that was not used is worth nothing."""
    for name, expected in (("image", "image template"), ("no network", "image template"),
                           ("generic", "generic template"), ("cold", "cold boot")):
        level, _ = steps(homes[name], ways[name])
        if level != expected:
            raise SystemExit("%s: started by %s" % (name, level))


def rounds(count, homes, ways, peer):
    """Times by name, in turn; and the steps of starts from the image's template."""
    times, table = {}, []
    for number in range(count):
        for name in ("image", "no network", "generic"):
            times.setdefault(name, []).append(timed(run(ways[name]), env=homes[name].env))
        if peer:
            times.setdefault("podman", []).append(timed(peer))
        table.append(steps(homes["image"], ways["image"])[1])
        if number % BARE_EACH:
            continue
        times.setdefault("cold", []).append(timed(run(ways["cold"]), env=homes["cold"].env))
        for machine in ("microvm", "q35"):
            bare = bare_qemu(homes["image"], machine, "bare-boot.cpio", MEMORY, "off")
            times.setdefault("bare " + machine, []).append(timed(bare))
    return times, table


def report(times):
    bare = min(median(times["bare microvm"]), median(times["bare q35"]))
    image = median(times["image"])
    for name, values in times.items():
        middle = median(values)
        print("start: %-12s %7.0f ms, p95 %7.0f, %.3f of bare, %2d rounds%s"
              % (name, middle, p95(values), middle / bare, len(values),
                 " (target <= %d ms)" % TARGETS[name] if name in TARGETS else ""))
    print("start: ratio to the bare boot %.3f (target <= %.3f), p95 / median %.2f (target <= %.1f)"
          % (image / bare, TARGET_RATIO, p95(times["image"]) / image, TARGET_P95))
    print("start: a network costs %.1f ms (target <= %d)"
          % (image - median(times["no network"]), TARGET_NETWORK))
    if "podman" in times:
        print("start: image template / podman %.2f" % (image / median(times["podman"])))


def print_steps(table):
    """Medians of each step; the steps of all runs are the same."""
    print("start: where the time goes, medians in ms:")
    for number, (name, _) in enumerate(table[0]):
        print("  %-22s %7.1f" % (name, median([row[number][1] for row in table
                                               if len(row) == len(table[0])])))


def at_once(home, flags, single):
    took = [None] * AT_ONCE

    def one(number):
        took[number] = timed(run(flags), env=home.env)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(AT_ONCE)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = time.monotonic() - start
    if None in took:
        raise SystemExit("%d of %d starts at once failed" % (took.count(None), AT_ONCE))
    print("start: %d at once: %.1f starts a second, slowest %.0f ms, %.1f times a single one "
          "(target <= %d)" % (AT_ONCE, AT_ONCE / total, max(took), max(took) / single, AT_ONCE))


def pss(pid):
    """MiB of a process and all below it."""
    with open("/proc/%d/smaps_rollup" % pid) as file:
        size = sum(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task)) as file:
            size += sum(pss(int(child)) for child in file.read().split())
    return size


def memory(home, flags):
    if os.geteuid() != 0:
        print("start: memory is not measured: it takes root")
        return
    clones, sizes = [], []
    for _ in range(CLONES):
        clone = subprocess.Popen(run(["-i", *flags], "sh", "-c", "echo up; cat"), env=home.env,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        clones.append(clone)
        clone.stdout.readline()
        sizes.append(sum(pss(each.pid) for each in clones))
    for clone in clones:
        clone.communicate()
    print("start: one more idle sandbox of %d MiB takes %.1f MiB (target < %d)"
          % (MEMORY, sizes[-1] - sizes[-2], TARGET_PSS))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--accel", choices=("kvm", "tcg"))
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("BENCH_ROUNDS", "20")))
    options = parser.parse_args()
    accel = ["--accel", options.accel] if options.accel else []
    with Home() as home, Home() as generic_home, podman() as peer:
        home.create(*accel)
        home.create("--no-network", *accel)
        generic_home.create("--generic", *accel)
        if options.accel:
            home.accel = options.accel
        homes = {"image": home, "no network": home, "generic": generic_home, "cold": home}
        ways = {"image": accel, "no network": [*accel, "--no-network"], "generic": accel,
                "cold": [*accel, "--no-template"]}
        check_levels(homes, ways)
        times, table = rounds(options.rounds, homes, ways, peer)
        report(times)
        print_steps(table)
        at_once(home, accel, median(times["image"]))
        memory(home, accel)
        print("start: %s, %s" % (home.accel, load()))


main()
