#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bytes through `run -i`, into `cat >/dev/null` and out of `cat FILE`, beside a C program over the
bare port (bench/port_guest.c), in turn, each way by itself; the medians and their ratios.  Then the
round trip of one byte, ours through `cat`.

FILE lies in the guest's page cache in both.  The clock starts when the first megabytes have passed,
so that neither a start of `cat` nor the filling of pipes and windows counts.  BENCH_ROUNDS sets the
number of rounds."""
import fcntl
import os
import subprocess
import time

from bare import IMAGE, PROGRAM, BarePort, Home, ahead_of_others, load, median

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
TARGET = 0.7
MEMORY = 1024
SIZE = 192 << 20
HEAD = 16 << 20
STEP = 1 << 20
TRIPS = 100

zeros = memoryview(bytes(STEP))


def large_pipe():
    pair = os.pipe()
    fcntl.fcntl(pair[0], fcntl.F_SETPIPE_SZ, STEP)
    return pair


class Ours:
    """One sandbox with one shell command; `to` and `out` are our ends of its pipes."""

    def __init__(self, home, script):
        stdin, self.to = large_pipe()
        self.out, stdout = large_pipe()
        self.run = subprocess.Popen(
            [PROGRAM, "run", "-i", "--memory", str(MEMORY), *IMAGE, "--", "sh", "-c", script],
            env=home.env, stdin=stdin, stdout=stdout)
        os.close(stdin)
        os.close(stdout)

    def await_ready(self):
        if os.read(self.out, 1) != b"k":
            raise SystemExit("the command ended")

    def close(self):
        os.close(self.to)
        self.run.wait(30)


def write_bytes(fd, count):
    while count > 0:
        count -= os.write(fd, zeros[:min(count, STEP)])


def read_bytes(fd, count):
    while count > 0:
        got = len(os.read(fd, min(count, STEP)))
        if got == 0:
            raise SystemExit("the other end is gone")
        count -= got


def rate(move, fd):
    """MB/s of what follows the first megabytes."""
    move(fd, HEAD)
    start = time.monotonic()
    move(fd, SIZE - HEAD)
    return (SIZE - HEAD) / 1e6 / (time.monotonic() - start)


def in_ours(into):
    speed = rate(write_bytes, into.to)
    time.sleep(0.1)  # what is under way
    return speed


def in_bare(port):
    port.request(b"i", SIZE)
    speed = rate(write_bytes, port.fd)
    port.await_answer()
    return speed


def out_ours(out_of):
    os.write(out_of.to, b"\n")
    return rate(read_bytes, out_of.out)


def out_bare(port):
    port.request(b"o", SIZE)
    return rate(read_bytes, port.fd)


def trips(to, out):
    """The median round trip of one byte, in microseconds."""
    times = []
    for _ in range(TRIPS):
        start = time.monotonic()
        os.write(to, b"x")
        os.read(out, 1)
        times.append(1e6 * (time.monotonic() - start))
    return median(times)


def trips_bare(port):
    port.request(b"e", TRIPS)
    return trips(port.fd, port.fd)


def report(name, ours, bare):
    a, b = median(ours), median(bare)
    print("channel %s: ours %.0f MB/s, bare %.0f MB/s, ratio %.2f (target >= %.1f; %d rounds, %s)"
          % (name, a, b, a / b, TARGET, ROUNDS, load()))


def measure(home):
    port = BarePort(home, MEMORY)
    into = Ours(home, "echo -n k; cat >/dev/null")
    out_of = Ours(home, "head -c %d /dev/zero >/dev/shm/file; echo -n k;"
                        "while read line; do cat /dev/shm/file; done" % SIZE)
    echo = Ours(home, "echo -n k; cat")
    port.request(b"f", SIZE)
    port.await_answer()
    for command in (into, out_of, echo):
        command.await_ready()
    ahead_of_others(os.getpid())
    steps = {(in_ours, into): [], (in_bare, port): [], (out_ours, out_of): [],
             (out_bare, port): [], (lambda e: trips(e.to, e.out), echo): [],
             (trips_bare, port): []}
    for _ in range(ROUNDS):
        for (step, subject), results in steps.items():
            results.append(step(subject))
    for subject in (into, out_of, echo, port):
        subject.close()
    return list(steps.values())


def main():
    with Home() as home:
        ours_in, bare_in, ours_out, bare_out, ours_trip, bare_trip = measure(home)
    report("in", ours_in, bare_in)
    report("out", ours_out, bare_out)
    print("channel round trip: ours %.0f us, bare %.0f us"
          % (median(ours_trip), median(bare_trip)))


main()
