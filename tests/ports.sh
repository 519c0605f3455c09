#!/bin/sh
# SPDX-License-Identifier: MIT
# Ports of the host that lead into a sandbox: `run --publish` and `port-forward`, with a server of
# our own in the guest (port_server.c) and clients in Python.
src=$(cd "$(dirname "$0")/../src" && pwd)
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"
requires /usr/bin/python3 ss jq

cat >"$work/client.py" <<'EOF_PYTHON'
"""client.py WHAT PORT...: each WHAT is a function; what it prints is what the test looks at."""
import array, os, resource, select, socket, struct, sys, time, zlib

BULK = 64 << 20

def reach(port, host="127.0.0.1"):
    return socket.create_connection((host, int(port)), timeout=60)

def end_of(sock):
    """All that comes, and how it ends."""
    got = bytearray()
    try:
        while piece := sock.recv(1 << 20):
            got += piece
    except ConnectionResetError:
        return bytes(got), "reset"
    return bytes(got), "end"

def echo(port, host="127.0.0.1"):
    sock = reach(port, host)
    sock.sendall(b"eHello")
    sock.shutdown(socket.SHUT_WR)
    print(*end_of(sock))

def refused(port):
    print(*end_of(reach(port)))

def up(port):
    """64 MiB to the server, our end, then its answer over the half that is still open."""
    sock, data, total = reach(port), os.urandom(1 << 20), 1
    sock.sendall(b"c")
    start = time.monotonic()
    for _ in range(BULK >> 20):
        sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
    got, how = end_of(sock)
    took = time.monotonic() - start
    for _ in range(BULK >> 20):
        total = zlib.adler32(data, total)
    print("# to the guest: %.0f MB/s" % (BULK / took / 1e6), file=sys.stderr)
    print("good" if got.decode() == "%d %d" % (BULK, total) else got, how)

def down(port):
    """64 MiB of the server and its end, then our half is still heard."""
    want = bytes((i * 2654435761 % (1 << 32) >> 13) & 255 for i in range(65536)) * (BULK >> 16)
    sock = reach(port)
    start = time.monotonic()
    sock.sendall(b"b")
    got, how = end_of(sock)
    print("# from the guest: %.0f MB/s" % (BULK / (time.monotonic() - start) / 1e6), file=sys.stderr)
    print("good" if got == want else len(got), how)
    sock.sendall(b"still here")

def reset(port):
    sock = reach(port)
    sock.sendall(b"r")
    print(*end_of(sock))

def connections(port):
    sock = reach(port)
    sock.sendall(b"n")
    print(end_of(sock)[0].decode())

def vanish(port):
    """Resets a connection that the server echoes, another whose bytes it does not read."""
    for word in b"e", b"w":
        sock = reach(port)
        sock.sendall(word + b"x" * 1000)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

def many(port, count, limit):
    """`count` at once, of which only the first `limit` are served, until these end."""
    count, limit = int(count), int(limit)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    socks = []
    for i in range(count):
        socks.append(reach(port))
        socks[-1].sendall(b"e%06d" % i)
    good = sum(socks[i].recv(6, socket.MSG_WAITALL) == b"%06d" % i for i in range(limit))
    poll = select.poll()
    for sock in socks[limit:]:
        poll.register(sock, select.POLLIN)
    waiting = len(poll.poll(500))
    print(good, "served,", waiting, "beyond", flush=True)
    sys.stdin.readline()
    for sock in socks[:limit]:
        sock.shutdown(socket.SHUT_WR)
    ends = sum(end_of(sock) == (b"", "end") for sock in socks[:limit])
    late = sum(socks[i].recv(6, socket.MSG_WAITALL) == b"%06d" % i for i in range(limit, count))
    print(ends, "ended,", late, "after them")

def hold(port, word):
    """Sends for ever to a server that does not read, or reads of one that sends."""
    sock = reach(port)
    sock.sendall(word.encode())
    print("held", flush=True)
    while True:
        sock.send(b"x" * 65536)

def taken():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    print(sock.getsockname()[1], flush=True)
    sys.stdin.readline()

def hostile(path, protocol):
    """To the supervisor: what is no listening socket of TCP."""
    def ask(fd, port=80):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.settimeout(20)
        sock.connect(path)
        sock.send(b"\1" + bytes.fromhex(protocol) + b"\2")
        sock.sendmsg([b"\4" + struct.pack("<I", port)],
                     [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
        print(sock.recv(4096)[9:].decode())
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    ask(os.open("/dev/null", os.O_RDWR))
    ask(listener.fileno())
    ask(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).fileno())
    unix = socket.socket(socket.AF_UNIX)
    unix.bind("\0matchlock-test-%d" % os.getpid())
    unix.listen()
    ask(unix.fileno())
    listener.listen()
    ask(listener.fileno(), 0)

globals()[sys.argv[1]](*sys.argv[2:])
EOF_PYTHON
end_clients() {
	local pids
	pids=$(pgrep -f "$work/client.py") && kill -9 $pids
	:
}
cleanup_fn end_clients
client() {
	as_user /usr/bin/python3 "$work/client.py" "$@"
}

# both COMMAND...: its exit code, output and errors as "CODE:OUT:ERR".
both() {
	local out code
	out=$("$@" 2>"$work/both.err")
	code=$?
	echo "$code:$out:$(cat "$work/both.err")"
}

wait_for() {
	local i=0
	until "$@" >/dev/null 2>&1; do
		i=$((i + 1))
		[ "$i" -le 300 ] || return 1
		timeout 0.1 tail -f /dev/null
	done
	return 0
}

# The ports that processes of this test's program listen at.
listening() {
	ss -Hltn "sport = :$1" | grep -q .
}
not_listening() {
	! listening "$1"
}

descriptors() {
	ls "/proc/$1/fd" | wc -l
}
has_descriptors() {
	[ "$(descriptors "$1")" -le "$2" ]
}

# serve ID COMMAND: brings the server into the sandbox, as /tmp/server, and runs the command.
serve() {
	ml exec -i "$1" -- sh -c "cat >/tmp/server; chmod +x /tmp/server; $2" \
		<"$MATCHLOCK_BUILD/tests/port_server"
}

answers() {
	client echo "$1" | grep -q Hello
}

# The port behind the N-th "Forwarding" line of a file.
port_of() {
	sed -n "s/^Forwarding .*:\([0-9]*\) -> .*/\1/p" "$1" | sed -n "$2p"
}

# --- what is no port ---
wrong="1::invalid port-forward specification: invalid port"
is "$(both base -p 70000:80 -- true)" "$wrong 70000: must be in range 1-65535" "a port out of range"
like "$(both base -p 1:2:3:4 -- true)" "${wrong}-forward spec format: *" "what is no specification"
like "$(both base -p 80 --address example.com -- true)" \
	'1::invalid port-forward bind address: invalid bind address "example.com" (use an IP literal or localhost)' \
	"a bind address that is a name"
is "$(both base --address example.com -- true)" "0::" "without a port it is not looked at"
is "$(both base -p 8080:80 -p localhost:8080:81 -- true)" \
	"1::start port-forward listener: duplicate listen address 127.0.0.1:8080" "the same port twice"
like "$(both base -p 192.0.2.1:8080:80 -- true)" \
	"1::start port-forward listener 192.0.2.1:8080: this host has no such address" \
	"an address of another host"

# --- all or nothing ---
mkfifo -m 666 "$work/go"
client taken <"$work/go" >"$work/taken" &
taken_job=$!
exec 6>"$work/go"
wait_for test -s "$work/taken"
taken=$(cat "$work/taken")
free=$((taken > 40000 ? taken - 10007 : taken + 10007))
in_use="1::start port-forward listener 127.0.0.1:$taken: address already in use: another program or sandbox listens there, which \"ss -ltnp sport = :$taken\" shows; choose another port, or 0 for any"
is "$(both base -p "$free:80" -p "$taken:81" -- true)" "$in_use" "a port that is taken is told"
check "and the other one is free again" not_listening "$free"
is "$(both ml run -d -p "$free:80" -p "$taken:81" --image matchlock/base)" "$in_use" "by run -d, too"
leaves_nothing "and nothing was started"

# --- run --publish ---
start -p 0:8000 --publish 127.0.0.1::8000 -p "$free:81" --address 127.0.0.1,localhost --no-network \
	-- sh -c 'echo up; until [ -e /tmp/go ]; do sleep 0.1; done; exec /tmp/server 8000'
one=$(port_of "$home/err" 1) two=$(port_of "$home/err" 2)
is "$(cat "$home/err")" "Forwarding 127.0.0.1:$one -> sandbox:8000
Forwarding 127.0.0.1:$two -> sandbox:8000
Forwarding 127.0.0.1:$free -> sandbox:81" "run says where it listens, the chosen ports too"
serve "$id" "touch /tmp/go"
wait_for answers "$one"
is "$(client echo "$one")" "b'Hello' end" "a server in the guest answers, and hears our end"
is "$(client echo "$two")" "b'Hello' end" "at each port"
is "$(client refused "$free")" "b'' reset" "where nobody listens the client is reset"
is "$(tail -n 1 "$home/err")" \
	"port-forward connection error: connect 127.0.0.1:81 failed: Connection refused" \
	"and the reason is told"
is "$(client up "$one")" "good end" "64 MiB in, and the answer after our end"
is "$(client down "$one")" "good end" "64 MiB out"
is "$(client reset "$one")" "b'' reset" "a reset by the server arrives"
few=$(descriptors "$pid")
client vanish "$one"
check "a client's reset ends both connections" wait_for has_descriptors "$pid" "$few"
client hold "$one" e >"$work/held" 2>&1 &
held=$!
wait_for grep -q held "$work/held"
is "$(client echo "$one")" "b'Hello' end" "one that is held up holds up no other"
is "$(ml exec "$id" -- echo fine)" fine "nor a command"

# --- a thousand at once ---
mkfifo -m 666 "$work/more"
client many "$one" 1100 999 <"$work/more" >"$work/many" 2>&1 &
many=$!
exec 7>"$work/more"
wait_for test -s "$work/many"
is "$(cat "$work/many")" "999 served, 0 beyond" "1,000 connections at once, further ones wait"
is "$(ml exec "$id" -- echo fine)" fine "commands go on"
echo >&7
wait "$many"
is "$(tail -n 1 "$work/many")" "999 ended, 101 after them" "and are served when others have ended"
exec 7>&-
kill -9 $(pgrep -P "$held" || echo "$held")
wait "$held" 2>/dev/null
check "SIGKILL of a client in the middle leaves nothing" wait_for has_descriptors "$pid" "$few"

# --- port-forward ---
# forward ARG...: `port-forward` in the background; $forwarder: its process, $work/forward its words.
forward() {
	as_user sh -c 'echo $$ >"$HOME/forwarder"; exec "$@"' - "$ml" port-forward "$@" \
		>"$work/forward" 2>&1 &
	forward_job=$!
	wait_for grep -q Forwarding "$work/forward" || cat "$work/forward" >&2
	forwarder=$(cat "$home/forwarder")
}

forward --address 127.0.0.1,::1 "$id" 0:8000 "127.0.0.2:0:82"
four=$(port_of "$work/forward" 1) six=$(port_of "$work/forward" 2) none=$(port_of "$work/forward" 3)
is "$(cat "$work/forward")" "Forwarding 127.0.0.1:$four -> sandbox:8000
Forwarding [::1]:$six -> sandbox:8000
Forwarding 127.0.0.2:$none -> sandbox:82" "port-forward says where it listens"
is "$(client echo "$four")" "b'Hello' end" "and connects"
is "$(client echo "$six" ::1)" "b'Hello' end" "by IPv6 too"
is "$(client up "$four")" "good end" "64 MiB in"
is "$(client down "$four")" "good end" "64 MiB out"
client echo "$none" 127.0.0.2 >"$work/none" 2>&1
check "where nobody listens it says so" wait_for grep -qx \
	"port-forward connection error: connect 127.0.0.1:82 failed: Connection refused" "$work/forward"
check "and goes on" kill -0 "$forwarder"
like "$(both ml port-forward "$id" "$four:8000")" \
	"1::start port-forward listener 127.0.0.1:$four: address already in use: *" "a port that is taken"
client hold "$four" w >"$work/held" 2>&1 &
held=$!
wait_for grep -q held "$work/held"
kill -INT "$forwarder"
wait "$forward_job"
is "$?" 0 "Ctrl-C ends it with 0"
check "its ports are closed" not_listening "$four"
wait "$held"
check "its connections, too" grep -Eq "ConnectionResetError|BrokenPipeError" "$work/held"
check "nothing of it is left" wait_for has_descriptors "$pid" "$few"
forward "$id" "$four:8000"
is "$(client echo "$four")" "b'Hello' end" "the port can be used again"
client hold "$four" e >"$work/held" 2>&1 &
held=$!
wait_for grep -q held "$work/held"
kill -KILL "$forwarder"
wait "$forward_job" 2>/dev/null
check "SIGKILL closes its ports" wait_for not_listening "$four"
wait "$held"
check "and leaves nothing" wait_for has_descriptors "$pid" "$few"
version=$(printf '%02x00%02x00' \
	"$(sed -n 's/^enum { AGENT_PROTOCOL = \([0-9]*\).*/\1/p' "$src/wire/agent.h")" \
	"$(sed -n 's/^	CONTROL_PROTOCOL = \([0-9]*\).*/\1/p' "$src/wire/control.h")")
is "$(client hostile "$home/.matchlock/vms/$id/control.sock" "$version" | sort | uniq -c | sed 's/^ *//')" \
	"1 listen message: malformed
4 not a listening TCP socket" "what is no listener is refused"
is "$(both ml port-forward "$id" 80:0)" \
	"1::invalid port-forward specification: invalid port 0: must be in range 1-65535" "no port"
is "$(both ml port-forward vm-00000000 80)" \
	"1::VM not found vm-00000000: VM vm-00000000 not found" "no such sandbox"
is "$(both ml port-forward "$id")" \
	"1::requires at least 2 arg(s), only received 1 (usage: matchlock port-forward <id> [LOCAL_PORT:]REMOTE_PORT ...)" \
	"no port given"

# --- ends ---
client hold "$one" w >"$work/held" 2>&1 &
held=$!
wait_for grep -q held "$work/held"
forward "$id" 0:8000
ml exec "$id" -- sh -c 'kill -9 $(pidof server)' 2>/dev/null
wait "$job"
is "$?" 137 "the server is killed, and the sandbox ends"
wait "$forward_job"
is "$?:$(tail -n 1 "$work/forward")" "1:the sandbox has ended" "port-forward ends with it"
wait "$held"
check "its clients are reset" grep -Eq "ConnectionResetError|BrokenPipeError" "$work/held"
check "its ports are closed" not_listening "$one"
exec 5<&-

# --- a server that ends, in a sandbox that goes on; detached, by a boot, on all addresses ---
ml run -d --no-template --name web -p 0:8000 -p 0.0.0.0::8000 --image matchlock/base -- \
	sh -c 'sleep 1000' >"$work/id" 2>"$work/err"
is "$?" 0 "run -d --publish"
id=$(cat "$work/id")
one=$(port_of "$work/err" 1) two=$(port_of "$work/err" 2)
is "$(cat "$work/err")" "Forwarding 127.0.0.1:$one -> sandbox:8000
Forwarding 0.0.0.0:$two -> sandbox:8000" "says where it listens, too"
pid=$(ml get web | jq .pid)
client echo "$one" >/dev/null 2>&1
check "what is refused stands in the log" wait_for sh -c \
	'HOME='"$home"' '"$drop $ml"' log web | grep -q "port-forward connection error: connect 127.0.0.1:8000"'
serve web "/tmp/server 8000 >/dev/null 2>&1 &"
wait_for answers "$one"
is "$(client echo "$two")" "b'Hello' end" "all addresses"
few=$(descriptors "$pid")
client hold "$one" e >"$work/held" 2>&1 &
held=$!
wait_for grep -q held "$work/held"
ml exec web -- sh -c 'kill -9 $(pidof server)'
wait "$held"
check "a server that is killed resets its clients" grep -Eq "ConnectionResetError|BrokenPipeError" \
	"$work/held"
check "and leaves nothing" wait_for has_descriptors "$pid" "$few"
ml stop web >/dev/null
check "the ports are closed with the sandbox" not_listening "$one"
is "$(both ml port-forward web 8000)" "1::VM $id is not running (status: stopped)" \
	"a sandbox that does not run"
ml rm web >/dev/null
exec 6>&-
wait "$taken_job"
leaves_nothing "after all"
done_testing
