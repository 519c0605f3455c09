#!/bin/sh
# SPDX-License-Identifier: MIT
# Every way in which a run is ended from outside: signals, time limit, SIGKILL of each process.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"
requires pgrep

# start ARG...: a run whose command says "up" and stays; waits for that word.  $pid: the supervisor.
start() {
	rm -f "$work/up"
	mkfifo -m 666 "$work/up"
	as_user sh -c 'out=$1 err=$2; shift 2; echo $$ >"$HOME/pid"; exec "$@" >"$out" 2>"$err"' - \
		"$work/up" "$home/err" "$ml" run --image matchlock/base "$@" &
	job=$!
	exec 5<"$work/up"
	read -r word <&5
	pid=$(cat "$home/pid")
}

# The exit code of what start began.
ended() {
	wait "$job"
	status=$?
	exec 5<&-
}

# gone PID...: waits up to 2 s for the processes to be gone.
gone() {
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		kill -0 "$@" 2>/dev/null || return 0
		tail --pid="$1" -f /dev/null & waiter=$!
		timeout 0.1 tail --pid="$waiter" -f /dev/null
		kill "$waiter" 2>/dev/null
	done
	return 1
}

for signal in INT TERM HUP; do
	start -- sh -c 'echo up; while :; do sleep 1; done'
	is "$word" up "SIG$signal: the command runs"
	kill -"$signal" "$pid"
	ended
	is "$status" 1 "SIG$signal: exit 1"
	is "$(cat "$home/err")" "executing command: context canceled" "SIG$signal: the reference's text"
done
leaves_nothing "after signals"

out=$(base --timeout 15 -- sh -c 'while :; do sleep 1; done' 2>&1)
is "$?" 1 "--timeout: exit 1"
is "$out" "executing command: context deadline exceeded" "--timeout: the reference's text"
out=$(base --no-template --timeout 1 -- true 2>&1)
is "$out" "starting sandbox: context deadline exceeded" "--timeout during the boot"
leaves_nothing "after --timeout"

out=$(base --rm=false --timeout 12 -u nosuch -- true 2>&1)
is "$?" 0 "--rm=false, a command that cannot be run: the sandbox stays until its time is over"
like "$out" 'Sandbox vm-* is running*
matchlock: user "nosuch" not found' "and says why the command did not run"
as_user rm -r "$home/.matchlock"

start --graceful-shutdown 10s -- sh -c 'trap "echo bye; exit 0" TERM; echo up; while :; do sleep 1; done'
kill -TERM "$pid"
ended
is "$status" 1 "--graceful-shutdown: exit 1"
leaves_nothing "after a graceful end"

start --rm=false -- sh -c 'echo up'
like "$(cat "$home/err")" 'Sandbox vm-???????? is running
  Connect: matchlock exec vm-???????? -it bash
  Stop:    matchlock kill vm-????????' "--rm=false says how to reach it"
timeout 1 tail -f /dev/null # until the word's command has ended, too
kill -TERM "$pid"
ended
is "$status" 0 "--rm=false: a signal while idle is exit 0"
is "$(ls "$home/.matchlock/vms" | wc -l)" 1 "--rm=false: the directory stays"
like "$(ml gc)" 'vm-????????: no resources to clean
Reconciled 1 VMs' "--rm=false: gc finds nothing to clean"
rm -rf "$home/.matchlock"

# The first signal asks, the second does not wait.
start --graceful-shutdown 60s -- sh -c 'trap "" TERM; echo up; while :; do sleep 1; done'
vm=$(vm_processes)
kill -TERM "$pid"
kill -INT "$pid"
ended
like "$status" "1[34][03]" "a second signal ends it at once"
check "and its VM is gone within 2 s" gone $vm
like "$(ml gc)" 'vm-????????: cleaned rootfs_remove, state_remove
Reconciled 1 VMs' "gc clears what it left"
leaves_nothing "after gc"

# SIGKILL of each process in turn.
start -- sh -c 'echo up; while :; do sleep 1; done'
vm=$(vm_processes)
kill -KILL "$pid"
ended
is "$status" 137 "SIGKILL of the supervisor"
check "its VM is gone within 2 s" gone $vm
is "$(sqlite3 "$home/.matchlock/state.db" 'select status from vms' 2>/dev/null || echo running)" running \
	"its row is still there"
base -- true
is "$?" 0 "the next run works"
leaves_nothing "and has cleared the crashed one"

start -- sh -c 'echo up; while :; do sleep 1; done'
kill -KILL $(vm_processes)
ended
is "$status" 1 "SIGKILL of QEMU: exit 1"
like "$(cat "$home/err")" 'executing command: the VM ended: killed by signal 9*' "and the reason"
leaves_nothing "after QEMU's death"

base --privileged -- sh -c 'echo c >/proc/sysrq-trigger' >/dev/null 2>"$work/err"
is "$?" 1 "a panic of the guest's kernel: exit 1"
like "$(cat "$work/err")" 'executing command: the VM ended:*guest console:*' "and the guest's last words"
leaves_nothing "after a panic"
done_testing
