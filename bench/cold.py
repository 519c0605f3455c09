#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A cold `run -- true` beside the bare QEMU that boots the same kernel and powers off at once, in
turn; medians of the whole process.  The bare one is the quicker of microvm and q35.  BENCH_ROUNDS
sets the number of rounds.

Then where our milliseconds beyond the bare boot go, from runs of their own in between:

	before		our process until it starts QEMU
	boot		until the guest's first process (its kernel's clock says when that was)
	guest-init	modules, root, agent, disks, container: until READY
	command		until its exit code
	end		clearing away, until our process has ended
"""
import os
import re
import sqlite3
import subprocess
import time

from bare import IMAGE, PROGRAM, Home, bare_qemu, load, median, timed

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
TARGET = 1.6
MEMORY = 512


def seconds(text):
    """Of the day; a phase's time has up to nine decimals."""
    hours, minutes, rest = re.search(r"T(\d+):(\d+):([\d.]+)", text).groups()
    return 3600 * int(hours) + 60 * int(minutes) + float(rest)


def phases(home):
    """When the newest sandbox came into which phase first, in seconds of the day (UTC)."""
    database = sqlite3.connect(home.path + "/home/state.db")
    rows = database.execute("SELECT phase, updated_at FROM vm_lifecycle WHERE vm_id ="
                            " (SELECT vm_id FROM vm_lifecycle ORDER BY rowid DESC LIMIT 1)"
                            " ORDER BY version DESC").fetchall()
    database.close()
    return {phase: seconds(when) for phase, when in rows}


def ours(home):
    """One run: all of it, and its parts, in ms."""
    start = time.time() % 86400
    total = timed([PROGRAM, "run", *IMAGE, "--", "true"], env=home.env)
    at = phases(home)
    parts = {"before": at["starting"] - start, "guest": at["running"] - at["starting"],
             "command": at["stopping"] - at["running"]}
    parts = {name: 1000 * value for name, value in parts.items()}
    parts["end"] = total - sum(parts.values())
    return total, parts


def guest_init(home):
    """The ms from the guest's first process until READY.  The guest's kernel tells when it started
    that process, by its own clock; what that clock shows at some moment is the first output."""
    command = [PROGRAM, "run", "--privileged", *IMAGE, "--", "sh", "-c",
               "cat /proc/uptime; dmesg | grep 'Run /init'"]
    with subprocess.Popen(command, env=home.env, stdout=subprocess.PIPE, text=True) as run:
        uptime = float(run.stdout.readline().split()[0])
        now = time.time() % 86400
        first_process = float(re.search(r"\[ *([\d.]+)\]", run.stdout.read()).group(1))
    return 1000 * (phases(home)["running"] - (now - uptime + first_process))


def main():
    bare = {"microvm": [], "q35": []}
    totals, parts, inits = [], {}, []
    with Home() as home:
        for number in range(ROUNDS):
            for machine, times in bare.items():
                times.append(timed(bare_qemu(home, machine, "bare-boot.cpio", MEMORY, "off")))
            total, part = ours(home)
            totals.append(total)
            for name, value in part.items():
                parts.setdefault(name, []).append(value)
            if number % 2 == 0:
                inits.append(guest_init(home))
        accel = home.accel
    bare = {machine: median(times) for machine, times in bare.items()}
    best = min(bare.values())
    print("bare: " + ", ".join("%s %.0f ms" % item for item in bare.items()))
    part = {name: median(values) for name, values in parts.items()}
    init = median(inits)
    print("ours: before %.0f, boot %.0f, guest-init %.0f, command %.0f, end %.0f ms"
          % (part["before"], part["guest"] - init, init, part["command"], part["end"]))
    print("cold: ours %.0f ms, bare %.0f ms, ratio %.2f (target <= %.1f; %d rounds, %s, %s)"
          % (median(totals), best, median(totals) / best, TARGET, ROUNDS, accel, load()))


main()
