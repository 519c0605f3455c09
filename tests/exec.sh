#!/bin/sh
# SPDX-License-Identifier: MIT
# `exec` in a sandbox that another process owns: its modes, its texts, its ways to end.
src=$(cd "$(dirname "$0")/../src" && pwd)
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"
requires /usr/bin/python3

# wait_for COMMAND [ARG...]: until it succeeds, at most half a minute.
wait_for() {
	local i=0
	until "$@" >/dev/null 2>&1; do
		i=$((i + 1))
		[ "$i" -le 300 ] || return 1
		timeout 0.1 tail -f /dev/null
	done
	return 0
}

# in_guest PATTERN: a process of the sandbox has it in its arguments.
in_guest() {
	ml exec web -- ps | grep -q "$1"
}
not_in_guest() {
	! in_guest "$1"
}

# both COMMAND...: its exit code, output and errors as "CODE:OUT:ERR".
both() {
	local out code
	out=$("$@" 2>"$work/err")
	code=$?
	echo "$code:$out:$(cat "$work/err")"
}

mkfifo -m 666 "$work/ready"
as_user sh -c 'echo $$ >"$HOME/pid"; exec "$0" run --rm=false --name web --image matchlock/base \
	-e IMAGE=mine -e BOTH=run -w /tmp -u 1000:1000' "$ml" 2>"$work/ready" &
job=$!
exec 5<"$work/ready"
read -r line <&5
like "$line" "Sandbox vm-???????? is running" "run without a command says how to reach the sandbox"
id=${line#Sandbox }
id=${id% is running}

# --- what a command gets ---
is "$(both ml exec "$id" -- sh -c 'echo out; echo err >&2; exit 7')" "7:out:err" \
	"plain: output, errors, exit code"
is "$(both ml exec web -- sh -c 'kill -9 $$')" "137::" "killed by a signal: 128 + it, by name too"
is "$(both ml exec web -- echo "a  b" '$HOME' "it's")" "0:a  b \$HOME it's:" "words arrive as given"
is "$(both ml exec web -- nosuch)" "127::sh: nosuch: not found" "no such command: 127"
is "$(both ml exec web -- /etc/passwd)" "126::sh: /etc/passwd: Permission denied" \
	"one that cannot be executed: 126"
is "$(both ml exec -u nosuch web -- true)" '127::matchlock: user "nosuch" not found' \
	"no such user: 127"
is "$(both ml exec -w /nosuch web -- true)" \
	'1::exec failed: working directory "/nosuch" does not exist in the image' "no such directory"
is "$(both ml exec web -- sh -c 'id -u; pwd; echo $IMAGE $BOTH')" "0:1000
/tmp
mine run:" "user, directory and variables are the sandbox's"
is "$(both ml exec -u 0 -w /etc -e BOTH=exec --env NEW=1 web -- sh -c 'id -u; pwd; echo $BOTH $NEW')" \
	"0:0
/etc
exec 1:" "or its own"
echo "FILE=two words" >"$work/env"
is "$(both ml exec --env-file "$work/env" web -- sh -c 'echo $FILE')" "0:two words:" "--env-file"
is "$(both ml exec -e 'NOSUCH' web -- true)" \
	"1::invalid environment variable: environment variable is not set \$NOSUCH" "a bad variable"
is "$(both ml exec web -- cat)" "0::" "plain has no input"

# --- modes ---
is "$(printf 'a\nb\n' | ml exec -i web -- sort -r)" "b
a" "-i: input and its end"
mkfifo -m 666 "$work/in" "$work/out"
ml exec -i web -- sh -c 'while read -r line; do echo "got $line"; done' <"$work/in" >"$work/out" &
exec 3>"$work/in" 4<"$work/out"
echo first >&3
read -r answer <&4
is "$answer" "got first" "-i streams"
exec 3>&- 4<&-
wait $!
ml exec --stream web -- sh -c 'echo first; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo second' \
	>"$work/out" &
exec 4<"$work/out"
read -r answer <&4
is "$answer" "first" "--stream shows the output as it comes"
ml exec web -- touch /tmp/go
read -r answer <&4
is "$answer" "second" "all of it"
exec 4<&-
wait $!
ml exec web -- sh -c 'echo first; touch /tmp/said; while [ ! -e /tmp/go2 ]; do sleep 0.1; done' \
	>"$work/plain" &
check "a plain command says something" wait_for ml exec web -- test -e /tmp/said
is "$(cat "$work/plain")" "" "plain shows nothing before the end"
ml exec web -- touch /tmp/go2
wait $!
is "$(cat "$work/plain")" first "and all at the end"
is "$(both ml exec -it web -- sh </dev/null)" "1::-it requires a TTY" "-it without a terminal"

# --- much, and many at once ---
head -c 50000000 /dev/urandom >"$work/big"
sum=$(md5sum <"$work/big")
is "$(ml exec -i web -- md5sum <"$work/big")" "$sum" "50 MB of input from a file"
is "$(cat "$work/big" | ml exec -i web -- cat | md5sum)" "$sum" "through pipes both ways"
is "$(ml exec web -- sh -c 'head -c 50000000 /dev/zero' | md5sum)" \
	"$(head -c 50000000 /dev/zero | md5sum)" "50 MB of output, plain"
long=$(head -c 100000 /dev/zero | tr '\0' x)
is "$(ml exec web -- echo "$long" | wc -c)" 100001 "a command of 100 KB"
is "$(E=$long F=$long G=$long ml exec -e E -e F -e G web -- sh -c 'echo "$E$F$G" | wc -c')" 300001 \
	"and 300 KB of variables"
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	ml exec -i web -- sh -c "read -r word; sleep 1; echo \$word; exit $i" <"$work/env" \
		>"$work/many.$i" &
	eval "many$i=\$!"
done
good=0
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	eval "wait \$many$i"
	[ "$?:$(cat "$work/many.$i")" = "$i:FILE=two words" ] && good=$((good + 1))
done
is "$good" 12 "twelve at once: each its own output and exit code"

# --- ends ---
# start ARG...: `exec ARG...` in the background; $client: its process, $work/shown: its output.
start() {
	as_user sh -c 'echo $$ >"$HOME/client"; exec "$@"' - "$ml" exec "$@" >"$work/shown" \
		2>"$work/err" &
	started=$!
	check "the command runs" wait_for in_guest "sleep 1[0-9][0-9][0-9]"
	client=$(cat "$home/client")
}

start web -- sh -c 'sleep 1001 & sleep 1002'
kill -INT "$client"
wait "$started"
is "$?:$(cat "$work/err")" "1:exec failed: context canceled" "SIGINT: exit 1 and the reference's text"
check "the whole tree is ended" wait_for not_in_guest "sleep 100"
start -i web -- sh -c 'sleep 1003 & sleep 1004' </dev/null
kill -KILL "$client"
wait "$started"
is "$?" 137 "SIGKILL of the client"
check "ends the whole tree, too" wait_for not_in_guest "sleep 100"
start --stream web -- sh -c 'trap "echo usr1; exit 3" USR1; touch /tmp/trap; sleep 1005 & wait'
check "it is ready for a signal" wait_for ml exec web -- test -e /tmp/trap
kill -USR1 "$client"
wait "$started"
is "$?:$(cat "$work/shown")" "3:usr1" "SIGUSR1 is passed on"
ml exec -i web -- yes 2>"$work/err" | head -1 >"$work/yes"
is "$(cat "$work/yes")" y "an output that is closed"
like "$(cat "$work/err")" "pipe exec failed: write standard output: *roken pipe" "is told"
check "and ends the command" wait_for not_in_guest " yes$"
ml exec --stream web -- yes >/dev/full 2>"$work/err"
is "$?:$(cat "$work/err")" "1:exec failed: write standard output: No space left on device" \
	"an output that is full"
ml exec web -- sh -c 'sleep 1006 >/dev/null 2>&1 &'
check "what a command leaves in the background lives on" in_guest "sleep 1006"

# --- hostile clients ---
cat >"$work/hostile.py" <<'EOF'
import array, os, socket, struct, sys

path = sys.argv[1] + "/control.sock"

def connect():
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(20)
    sock.connect(path)
    return sock

def ask(data, fds=()):
    sock = connect()
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
    try:
        return sock.recv(4096)
    except ConnectionResetError: # told before it read all
        return sock.recv(4096)

def refused(name, answer, text):
    if answer[:1] != b"\5" or text not in answer:
        sys.exit("%s: %r" % (name, answer))

request = b"\1" + struct.pack("<HHB", int(sys.argv[2]), int(sys.argv[3]), 1)
refused("garbage", ask(b"\xff" * 100), b"unknown type")
refused("too long", ask(b"\1" * 5000), b"larger than")
refused("another version", ask(b"\1\0\0\0\0\1"), b"another version")
refused("no descriptors", ask(request), b"descriptors")
refused("too many", ask(request, [0] * 8), b"too many descriptors")
refused("a file", ask(request, [os.open("/etc/passwd", os.O_RDONLY)] * 4), b"not in sealed memory")
refused("a pipe", ask(request, [os.pipe()[0]] * 4), b"not in sealed memory")
refused("out of place", ask(b"\2\12\0\0\0"), b"out of place")
memory = os.memfd_create("x", os.MFD_ALLOW_SEALING)
os.ftruncate(memory, 1 << 40)
import fcntl
fcntl.fcntl(memory, 1033, 15)
refused("a terabyte", ask(request, [memory] * 4), b"larger than")
idle = [connect() for _ in range(100)]
refused("one too many", connect().recv(4096), b"no more are allowed")
EOF
protocol=$(sed -n 's/^enum { AGENT_PROTOCOL = \([0-9]*\).*/\1/p' "$src/wire/agent.h")
control=$(sed -n 's/^\tCONTROL_PROTOCOL = \([0-9]*\).*/\1/p' "$src/wire/control.h")
dir=$home/.matchlock/vms/$id
check "garbage, too much and too many are refused with the reason" \
	as_user /usr/bin/python3 "$work/hostile.py" "$dir" "$protocol" "$control"
if [ "$(id -u)" -eq 0 ]; then
	like "$(python3 -c 'import socket, sys
sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
sock.connect(sys.argv[1])
print(sock.recv(4096))' "$dir/control.sock")" "*belongs to another user*" "nor does root get in unnoticed"
fi
is "$(both ml exec web -- echo fine)" "0:fine:" "and nobody else notices"
is "$(stat -c %a "$dir")" 700 "nobody else can reach the socket"

# --- texts of what cannot be ---
is "$(both ml exec vm-00000000 -- true)" "1::VM not found vm-00000000: VM vm-00000000 not found" \
	"an unknown id"
like "$(both ml exec ../../etc -- true)" "1::VM not found ../../etc: VM * not found" "an id that is a path"
is "$(both ml exec web)" "1::command required (or use -it for interactive mode)" "no command"
is "$(both ml exec)" "1::requires at least 1 arg(s), only received 0 (usage: matchlock exec <id> -- <command>)" "no id"
start --stream web -- sleep 1007
kill -TERM "$(cat "$home/pid")"
wait "$started"
is "$?:$(cat "$work/err")" "1:exec failed: the sandbox has ended" "the sandbox's end is the command's"
wait "$job"
is "$?" 0 "the sandbox ends in order"
exec 5<&-
is "$(both ml exec web -- true)" "1::VM $id is not running (status: stopped)" "a stopped sandbox"
is "$(ls "$dir" | tr "\n" " ")" "audit.jsonl logs network.counters " "its socket is gone"
ml rm web >/dev/null

# A state directory whose path is longer than a socket's address takes.
MATCHLOCK_HOME=$home/$(head -c 150 /dev/zero | tr '\0' d)
export MATCHLOCK_HOME
id=$(ml run -d --image matchlock/base)
is "$(both ml exec "$id" -- echo far)" "0:far:" "a long path"
ml stop "$id" >/dev/null
ml rm "$id" >/dev/null
unset MATCHLOCK_HOME
leaves_nothing "after all"
done_testing
