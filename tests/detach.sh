#!/bin/sh
# SPDX-License-Identifier: MIT
# `run -d`: a sandbox whose supervisor has no terminal.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"
requires jq pgrep

wait_for() {
	local i=0
	until "$@" >/dev/null 2>&1; do
		i=$((i + 1))
		[ "$i" -le 300 ] || return 1
		timeout 0.1 tail -f /dev/null
	done
	return 0
}

no_rows() {
	[ "$(ml list | wc -l)" -eq 1 ]
}

no_supervisor() {
	! pgrep -f "$ml __supervise"
}

# --- one that stays ---
out=$(ml run -d --name web -e SECRET=hidden --label a=b --image matchlock/base 2>"$work/err")
is "$?:$(cat "$work/err")" "0:" "-d returns 0 and says nothing on stderr"
like "$out" "vm-????????" "but the id on stdout"
id=$out
is "$(ml exec "$id" -- sh -c 'echo $SECRET')" hidden "it is ready at once, with all its options"
is "$(ml get web | jq -r '.id, .status, .labels.a')" "$id
running
b" "it is in the list"
pid=$(ml get web | jq .pid)
is "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "$ml __supervise " "its arguments tell nothing"
is "$(cut -d ' ' -f 6-7 "/proc/$pid/stat")" "$pid 0" "it has a session of its own and no terminal"
is "$(for fd in 0 1 2; do readlink "/proc/$pid/fd/$fd"; done)" "/dev/null
/dev/null
/dev/null" "its standard descriptors are /dev/null"
ml stop web >/dev/null
is "$(ml list | sed -n '2s/  */ /gp' | cut -d ' ' -f 2)" stopped "without --rm it stays in the list"
ml rm web >/dev/null
leaves_nothing "after rm"

# --- with a command ---
id=$(ml run -d --image matchlock/base -- sh -c 'echo out; echo err >&2; cat; exit 3')
check "the command's output is in the log" wait_for sh -c "grep -q err '$home/.matchlock/vms/$id/logs/vm.log'"
like "$(ml log "$id")" "*out*err*" "all of it"
is "$(ml get "$id" | jq -r .status)" running "the sandbox outlives its command"
ml kill "$id" >/dev/null
check "until it is killed" wait_for no_supervisor
ml rm "$id" >/dev/null
id=$(ml run -d --image matchlock/base -- nosuch)
check "a command that is not there is told in the log" \
	wait_for grep -q "nosuch: not found" "$home/.matchlock/vms/$id/logs/vm.log"
ml kill "$id" >/dev/null
check "its end" wait_for no_supervisor
ml rm "$id" >/dev/null
id=$(ml run -d --rm --image matchlock/base -- sh -c 'while [ ! -e /tmp/go ]; do sleep 0.1; done')
is "$(ml get "$id" | jq -r .status)" running "--rm: while the command runs"
ml exec "$id" -- touch /tmp/go 2>"$work/err" # whose end may come before its answer
check "--rm: removed when the command ends" wait_for no_rows
check "with its process" wait_for no_supervisor
leaves_nothing "after --rm"
id=$(ml run -d --rm --timeout 8 --image matchlock/base -- sleep 1000)
like "$id" "vm-????????" "--timeout"
check "ends it" wait_for no_rows

# --- starts that fail ---
failing() {
	out=$("$@" 2>"$work/err")
	echo "$?:$out:$(cat "$work/err")"
}
like "$(failing ml run -d --image nosuch.invalid/image -- true)" "1::building rootfs: *" "no image"
is "$(failing ml run -d -i --image matchlock/base -- true)" \
	"1::--detach cannot be combined with -t/--tty or -i/--interactive" "-i"
is "$(failing ml run -d -t --image matchlock/base -- true)" \
	"1::--detach cannot be combined with -t/--tty or -i/--interactive" "-t"
MATCHLOCK_KERNEL=/nosuch
export MATCHLOCK_KERNEL
like "$(failing ml run -d --image matchlock/base)" \
	"1::starting sandbox: *'/nosuch'*No such file or directory" "the supervisor's reason arrives"
unset MATCHLOCK_KERNEL
check "it is gone" wait_for no_supervisor
for id in $(ml list | sed -n '2,$s/ .*//p'); do
	ml rm "$id" >/dev/null
done
is "$(failing ml __supervise)" \
	"1::started by \`run -d\` only: the sandbox's options: not in sealed memory" \
	"nobody else can start one"

# --- whoever waits is killed ---
as_user sh -c 'echo $$ >"$HOME/pid"; exec "$0" run -d --no-template --image matchlock/base' "$ml" \
	>/dev/null 2>&1 &
job=$!
check "a supervisor is started" wait_for pgrep -f "$ml __supervise"
kill -KILL "$(cat "$home/pid")"
wait "$job"
check "it gives up when nobody waits for it" wait_for no_supervisor
for id in $(ml list | sed -n '2,$s/ .*//p'); do
	ml rm "$id" >/dev/null
done
leaves_nothing "after all"
done_testing
