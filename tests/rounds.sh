#!/bin/sh
# SPDX-License-Identifier: MIT
# Many runs: one after the other, several at once, and killed at any moment. Ten rounds of each here,
# a hundred with MATCHLOCK_SOAK=1 (make soak).
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"

rounds=10
[ -z "${MATCHLOCK_SOAK:-}" ] || rounds=100

good=0
for i in $(seq "$rounds"); do
	[ "$(base -- echo "round $i")" = "round $i" ] && good=$((good + 1))
done
is "$good" "$rounds" "$rounds runs in a row"

good=0
for i in $(seq $((rounds / 5))); do
	for j in 1 2 3 4 5; do
		base -- echo "$j" >"$work/out$j" 2>"$work/err$j" &
	done
	wait
	for j in 1 2 3 4 5; do
		[ "$(cat "$work/out$j")" = "$j" ] && good=$((good + 1))
	done
done
is "$good" "$((rounds / 5 * 5))" "five at once, $((rounds / 5)) times"
leaves_nothing "after whole runs"

# From before the row is written to after the command has started.
for i in $(seq "$rounds"); do
	timeout -s KILL "$((i * 7 % 4)).$((i * 37 % 1000 + 1000))" \
		$drop env HOME="$home" "$ml" run --image matchlock/base -- sh -c 'while :; do :; done' \
		>"$work/out" 2>&1
done
deadline=$(($(date +%s) + 2))
while [ -n "$(vm_processes)" ] && [ "$(date +%s)" -le "$deadline" ]; do
	timeout 0.1 tail -f /dev/null
done
is "$(vm_processes)" "" "no VM outlives a killed supervisor"
is "$(base -- echo fine)" fine "the next run works after $rounds SIGKILLs"
leaves_nothing "and has cleared the crashed ones"
done_testing
