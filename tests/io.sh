#!/bin/sh
# SPDX-License-Identifier: MIT
# Standard input and output of `run -i`: streaming, end of file, back-pressure, bulk, broken ends.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"

is "$(printf 'one\ntwo\n' | base -i -- cat)" "one
two" "stdin arrives and its end ends the command"
is "$(base -i -- cat </dev/null)" "" "an empty stdin"
is "$(base -- cat)" "" "without -i stdin is empty"
is "$(base -- sh -c 'cat; echo done' <&-)" "done" "with stdin closed"
head -c 300000 /dev/urandom >"$work/file"
is "$(base -i -- md5sum <"$work/file")" "$(md5sum <"$work/file")" "a regular file as stdin"
is "$(base -i -- md5sum <"$work/file" | cat)" "$(md5sum <"$work/file")" "and a pipe as stdout"

# Streaming: the answer to the first line comes before the second line is sent.
mkfifo "$work/in" "$work/out"
chmod 666 "$work/in" "$work/out"
base -i -- sh -c 'while read -r line; do echo "got $line"; done' <"$work/in" >"$work/out" &
exec 3>"$work/in" 4<"$work/out"
echo first >&3
read -r answer <&4
is "$answer" "got first" "a line is answered while stdin is open"
echo second >&3
read -r answer <&4
is "$answer" "got second" "and the next one"
exec 3>&-
wait $!
is "$?" 0 "the end of stdin ends it"
exec 4<&-

# 1 GiB out, complete and in constant memory.
as_user bash -c '
	"$0" run --image matchlock/base -- sh -c "dd if=/dev/zero bs=1M count=1024 2>/dev/null" >"$1/gib.fifo" &
	pid=$!
	md5sum <"$1/gib.fifo" >"$1/gib.sum" &
	sum=$!
	while kill -0 $pid 2>/dev/null; do
		now=$(sed -n "s/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p" /proc/$pid/status 2>/dev/null)
		[ -z "$now" ] || peak=$now
		read -r -t 0.2 _ <>"$1/never"
	done
	wait $pid; status=$?
	wait $sum
	echo "$status" >"$1/gib.status"; echo "$peak" >"$1/gib.peak"
' "$ml" "$(mkfifo -m 666 "$work/gib.fifo" "$work/never"; echo "$work")"
is "$(cat "$work/gib.status")" 0 "1 GiB of output: exit 0"
is "$(cat "$work/gib.sum")" "cd573cfaace07e7949bc0c46028904ff  -" "all of it arrives"
peak=$(cat "$work/gib.peak")
check "the supervisor needs less than 40 MiB for it ($peak KiB)" [ "$peak" -lt 40960 ]

# An output that goes away ends the run, and leaves nothing.
base -- sh -c 'while :; do echo y; done' 2>"$work/err" | head -1 >"$work/out1"
is "$(cat "$work/out1")" y "output into head"
base -- yes 2>"$work/err" | { sleep 8; head -1 >"$work/out1"; }
like "$(cat "$work/err")" '*roken pipe*' "output that waits for a reader who goes away: the reason"
base -- sh -c 'while :; do echo y; done' >/dev/full 2>"$work/err"
is "$?" 1 "output into a full disk: exit 1"
like "$(cat "$work/err")" '*No space left on device*' "and the reason"
leaves_nothing "after all"
done_testing
