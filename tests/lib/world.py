# SPDX-License-Identifier: MIT
"""Small servers and clients of world.sh.

  serve LOG KIND=ADDRESS:PORT...	hello: says "hello" first, then gives back what it gets
				digest: takes all until the other side has ended, then says how
				many bytes that were and their SHA-256
  await ADDRESS:PORT...		until somebody listens there
  ask SERVER NAME		the addresses that a DNS server gives for a name
  mark				one datagram from port 9 of 127.0.0.1 to itself
"""

import asyncio
import hashlib
import socket
import struct
import sys
import time


async def hello(reader, writer):
    writer.write(b"hello\n")
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def digest(reader, writer):
    total, sha = 0, hashlib.sha256()
    while data := await reader.read(65536):
        total += len(data)
        sha.update(data)
    writer.write(f"{total} {sha.hexdigest()}\n".encode())


def served(log, kind, address):
    async def serve(reader, writer):
        with open(log, "a") as file:
            file.write(f"{kind.__name__} {address}\n")
        try:
            await kind(reader, writer)
            writer.close()
        except ConnectionError:
            pass

    return serve


def split(address):
    host, port = address.rsplit(":", 1)
    return host, int(port)


async def serve(log, *servers):
    running = []
    for server in servers:
        name, address = server.split("=")
        kind = {"hello": hello, "digest": digest}[name]
        running.append(await asyncio.start_server(served(log, kind, address), *split(address)))
    await asyncio.gather(*(server.serve_forever() for server in running))


def await_all(*addresses):
    until = time.monotonic() + 60
    for address in addresses:
        while True:
            try:
                socket.create_connection(split(address), 1).close()
                break
            except OSError as error:
                if time.monotonic() > until:
                    sys.exit(f"nobody listens at {address}: {error}")
                time.sleep(0.05)


def ask(server, name):
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    query = struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + question + struct.pack("!BHH", 0, 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(query, (server, 53))
        answer = sock.recv(4096)
    count = struct.unpack("!H", answer[6:8])[0]
    at, found = len(query), []
    for _ in range(count):
        at += 12  # name as a pointer, type, class, TTL, length; only addresses come
        found.append(socket.inet_ntoa(answer[at : at + 4]))
        at += 4
    print(*found)


def mark():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 9))
        sock.sendto(b"mark", ("127.0.0.1", 9))


if __name__ == "__main__":
    verb, *args = sys.argv[1:]
    if verb == "serve":
        asyncio.run(serve(*args))
    else:
        {"await": await_all, "ask": ask, "mark": mark}[verb](*args)
