#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`matchlock pull` from a registry on loopback into an empty store, beside what does the same, in
turn; medians.  BENCH_ROUNDS sets the number of rounds.

	floor		one thread that reads the layer, takes both digests, inflates and writes
			(bench/image_floor.c)
	umoci		skopeo copy, umoci unpack, mkfs.erofs: the chain with the same result
	tar2sqfs	skopeo copy, igzip or zstd piped into tar2sqfs: the quickest chain, which
			takes no digest of the tar and knows one layer only

Everything lies in the page cache, the output in /dev/shm.  The image (bench/test_image.py) is made
at the first time and kept.
"""
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import test_image
from bare import BUILD, PROGRAM, load, median

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
FLOOR = BUILD + "/bench/image_floor"
LOOKUP = BUILD + "/bench/image_lookup"
PAGE = os.sysconf("SC_PAGE_SIZE")
SAMPLE_S = 0.01
MIB = 1 << 20

# What is pulled, what it is compared with, and how many times as fast it must at least be.
TARGETS = [
    ("one-gzip", "umoci", 3.5),
    ("one-gzip", "tar2sqfs", 1.0),
    ("one-gzip", "floor-gzip", 1 / 1.2),
    ("three-gzip", "umoci-three", 3.5),
    ("three-gzip", "floor-gzip", 1.0),
    ("one-zstd", "tar2sqfs-zstd", 1.0),
    ("one-zstd", "floor-zstd", 1 / 1.2),
    ("three-zstd", "floor-zstd", 1.0),
]


class Bench:
    def __init__(self, work):
        self.work = work
        self.images = test_image.images()
        self.times = {}
        self.umoci_rss = 0
        self.mkfs_size = 0
        self.policy = work + "/policy.json"
        with open(self.policy, "w") as file:
            file.write('{"default": [{"type": "insecureAcceptAnything"}]}')

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.host = "127.0.0.1:%d" % probe.getsockname()[1]
        config = self.work + "/registry.yml"
        with open(config, "w") as file:
            file.write("{version: 0.1, log: {level: error, accesslog: {disabled: true}},"
                       ' storage: {filesystem: {rootdirectory: %s/registry}},'
                       ' http: {addr: "%s"}}' % (self.work, self.host))
        self.registry = subprocess.Popen(["docker-registry", "serve", config],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_for_registry()
        for name, image in self.images.items():
            self.skopeo("--dest-tls-verify=false", "oci:%s:image" % image.path, self.url(name))
        return self

    def __exit__(self, *_):
        self.registry.terminate()
        self.registry.wait()

    def wait_for_registry(self):
        host, port = self.host.split(":")
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    return
            time.sleep(0.02)
        raise SystemExit("docker-registry does not start")

    def url(self, name):
        return "docker://%s/%s:x" % (self.host, name)

    def fresh(self, name):
        """The path of a file or folder that does not exist."""
        path = os.path.join(self.work, name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.remove(path)
        return path

    def skopeo(self, *words):
        command(["skopeo", "--policy", self.policy, "copy", "-q", *words])

    # --- what is measured ---

    def pull(self, name):
        environment = dict(os.environ, MATCHLOCK_HOME=self.work + "/home",
                           MATCHLOCK_CACHE=self.work + "/cache")
        return subprocess.Popen([PROGRAM, "pull", "--quiet", "%s/%s:x" % (self.host, name)],
                                env=environment, stdout=subprocess.DEVNULL)

    def ours(self, name):
        end(self.pull(name))

    def floor(self, compression):
        command([FLOOR, self.images["one-" + compression].layers[0], self.work + "/out"])

    def copy(self, name):
        self.skopeo("--src-tls-verify=false", self.url(name), "oci:%s/oci:image" % self.work)

    def umoci(self, name):
        self.copy(name)
        rootless = ["--rootless"] if os.getuid() else []
        usage = command(["umoci", "unpack", *rootless, "--image", self.work + "/oci:image",
                         self.work + "/bundle"])
        self.umoci_rss = max(self.umoci_rss, usage.ru_maxrss * 1024)
        command(["mkfs.erofs", self.work + "/out", self.work + "/bundle/rootfs"])
        self.mkfs_size = os.path.getsize(self.work + "/out")

    def tar2sqfs(self, compression):
        self.copy("one-" + compression)
        layer = os.path.basename(self.images["one-" + compression].layers[0])
        command(["sh", "-c", "%s -dc %s/oci/blobs/sha256/%s | tar2sqfs -q -c lz4 %s/out"
                 % ({"gzip": "igzip", "zstd": "zstd"}[compression], self.work, layer, self.work)])

    # --- rounds ---

    def timed(self, label, step, argument):
        for name in ("cache", "oci", "bundle", "out"):
            self.fresh(name)
        start, cpu = time.monotonic(), os.times()
        step(argument)
        wall, after = time.monotonic() - start, os.times()
        used = (after.children_user - cpu.children_user
                + after.children_system - cpu.children_system)
        self.times.setdefault(label, []).append((wall, used))

    def round(self):
        for name in self.images:
            self.timed(name, self.ours, name)
            if name.startswith("one-"):
                compression = name[len("one-"):]
                self.timed("floor-" + compression, self.floor, compression)
        self.timed("tar2sqfs", self.tar2sqfs, "gzip")
        self.timed("tar2sqfs-zstd", self.tar2sqfs, "zstd")
        self.timed("umoci-three", self.umoci, "three-gzip")
        self.timed("umoci", self.umoci, "one-gzip")

    def watched(self, name):
        """A pull: the peak of the memory of all its processes together, and the size of what it
        leaves."""
        self.fresh("cache")
        with Watch(self.pull(name)) as watch:
            pass
        blobs = self.work + "/cache/images/blobs"
        size = sum(entry.stat().st_size for entry in os.scandir(blobs))
        return watch.peak, size

    def lookup(self, name):
        return float(subprocess.run([LOOKUP, self.work + "/cache", "%s/%s:x" % (self.host, name)],
                                    check=True, stdout=subprocess.PIPE).stdout)


class Watch:
    """Samples the resident memory of a process and all its descendants until it ends."""

    def __init__(self, process):
        self.process, self.peak = process, 0

    def __enter__(self):
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()
        return self

    def __exit__(self, *_):
        end(self.process)
        self.thread.join()

    def sample(self):
        while self.process.returncode is None:
            self.peak = max(self.peak, sum(map(resident, family(self.process.pid))))
            time.sleep(SAMPLE_S)


def family(root):
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            parents[int(entry)] = parent_of(entry)
    found, grown = {root}, True
    while grown:
        grown = {pid for pid, parent in parents.items() if parent in found} - found
        found |= grown
    return found


def parent_of(pid):
    try:
        with open("/proc/%s/stat" % pid) as file:
            return int(file.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def resident(pid):
    try:
        with open("/proc/%d/statm" % pid) as file:
            return int(file.read().split()[1]) * PAGE
    except OSError:
        return 0


def end(process):
    if process.wait() != 0:
        raise SystemExit("%s: exit code %d" % (process.args[0], process.returncode))


def command(words):
    """Runs it; the resources that it used."""
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    message = process.stderr.read().decode(errors="replace")
    process.stderr.close()
    if process.returncode != 0:
        raise SystemExit("%s: %s" % (words[0], message))
    return usage


def verdict(good):
    return "" if good else "  MISSED"


def print_times(times):
    print("%-14s %8s %8s" % ("", "seconds", "CPU-s"))
    for label, values in times.items():
        print("%-14s %8.2f %8.2f" % (label, median([wall for wall, _ in values]),
                                     median([cpu for _, cpu in values])))
    for ours, theirs, target in TARGETS:
        ratio = median([b / a for (a, _), (b, _) in zip(times[ours], times[theirs])])
        print("%-12s %.2f times as fast as %-14s (target >= %.2f)%s"
              % (ours, ratio, theirs, target, verdict(ratio >= target)))


def main():
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="matchlock-bench.", dir=shm) as work, \
            Bench(work) as bench:
        print(bench.images["one-gzip"].about)
        started = load()
        for _ in range(ROUNDS):
            bench.round()
        print_times(bench.times)
        for name in bench.images:
            rss, size = bench.watched(name)
            print("%-12s memory %.1f MiB, umoci alone %.1f (target < 33);"
                  " output %.4f of mkfs.erofs (target <= 1.01)%s"
                  % (name, rss / MIB, bench.umoci_rss / MIB, size / bench.mkfs_size,
                     verdict(rss < 33 * MIB and size <= 1.01 * bench.mkfs_size)))
            lookup = bench.lookup(name)
            print("%-12s image part of a cached run: %.2f ms (target < 2)%s"
                  % (name, lookup, verdict(lookup < 2)))
        print("%d rounds, from %s to %s" % (ROUNDS, started, load()))


main()
