# SPDX-License-Identifier: MIT
"""DNS for tests/names.sh.

  ask SERVER [tcp] TYPE NAME	the rcode and the records of a name server
  flood SERVER COUNT NAME	queries a second that it answers, 64 under way; NAME may hold a %d
  bad ADDRESS			a name server at port 53 that answers wrongly, as the name says
"""

import socket
import struct
import sys
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33,
         "HTTPS": 65, "CAA": 257}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}


def wire(name):
    return b"".join(bytes([len(x)]) + x.encode() for x in name.split(".") if x) + b"\0"


def query(name, kind, number=7):
    return struct.pack("!6H", number, 0x100, 1, 0, 0, 0) + wire(name) + struct.pack("!HH", kind, 1)


def read_name(message, at):
    labels, end = [], None
    while message[at]:
        if message[at] >= 0xc0:
            end = end or at + 2
            at = (message[at] & 0x3f) << 8 | message[at + 1]
            continue
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1"))
        at += 1 + message[at]
    return ".".join(labels), end or at + 1


def data_text(message, kind, at, size):
    data = message[at:at + size]
    if kind == TYPES["A"]:
        return socket.inet_ntoa(data)
    if kind in (TYPES["NS"], TYPES["CNAME"], TYPES["PTR"]):
        return read_name(message, at)[0]
    if kind == TYPES["MX"]:
        return "%d %s" % (struct.unpack("!H", data[:2])[0], read_name(message, at + 2)[0])
    if kind == TYPES["SRV"]:
        return "%d %d %d %s" % (*struct.unpack("!3H", data[:6]), read_name(message, at + 6)[0])
    return data.decode("latin-1") if len(data) < 100 else "%d bytes" % len(data)


def show(message):
    flags, questions, answers = struct.unpack("!3H", message[2:8])
    words = [RCODES.get(flags & 15, "?")] + ["TC"] * (flags >> 9 & 1)
    at = 12
    for _ in range(questions):
        at = read_name(message, at)[1] + 4
    for _ in range(answers):
        at = read_name(message, at)[1]
        kind, _, _, size = struct.unpack("!HHIH", message[at:at + 10])
        words.append(data_text(message, kind, at + 10, size))
        at += 10 + size
    print(*words)


def ask(server, *words):
    tcp = words[0] == "tcp"
    kind, name = words[-2:]
    message = query(name, TYPES[kind])
    if not tcp:
        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.settimeout(20)
        sock.connect((server, 53))
        sock.send(message)
        show(sock.recv(65536))
        return
    sock = socket.create_connection((server, 53), 20)
    sock.sendall(struct.pack("!H", len(message)) + message)
    stream = sock.makefile("rb")
    show(stream.read(struct.unpack("!H", stream.read(2))[0]))


def flood(server, count, name):
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.settimeout(5)
    sock.connect((server, 53))
    count = int(count)
    queries = [query(name % i if "%" in name else name, 1, i & 0xffff) for i in range(count)]
    failed, sent, start = 0, 0, time.monotonic()
    for done in range(count):
        while sent < count and sent < done + 64:
            sock.send(queries[sent])
            sent += 1
        failed += sock.recv(512)[3] & 15 == 2
    print("%d queries/s, %d SERVFAIL" % (count / (time.monotonic() - start), failed))


def bad_answer(message):
    """What a hostile server says about the question: by the first label of the name."""
    name, end = read_name(message, 12)
    kind = struct.unpack("!H", message[end:end + 2])[0]
    label = name.split(".")[0]
    data = {
        "many": b"\1x",
        "loop": b"\xc0" + bytes([end + 4 + 10 + 2]),     # a pointer to itself
        "far": b"\xff\xff",                              # a pointer behind the end
        "short": b"\0",                                  # MX, SRV without their numbers
        "overlong": b"\0\1" + (b"\x3f" + b"a" * 63) * 5 + b"\0",
        "empty": b"",
    }.get(label, b"\x10short")
    counts = {"broken": 0, "refused": 0, "many": 4000}
    rcode = {"broken": 2, "refused": 5}.get(label, 0)
    if label == "silent":
        return None
    record = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data
    count = counts.get(label, 1)
    said = 40000 if label == "counts" else count
    return (message[:2] + struct.pack("!5H", 0x8180 | rcode, 1, said, 0, 0) +
            message[12:end + 4] + record * count)


def bad(address):
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.bind((address, 53))
    print("ready", flush=True)
    while True:
        message, sender = sock.recvfrom(4096)
        answer = bad_answer(message)
        if answer:
            sock.sendto(answer, sender)


if __name__ == "__main__":
    {"ask": ask, "flood": flood, "bad": bad}[sys.argv[1]](*sys.argv[2:])
