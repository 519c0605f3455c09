#!/bin/sh
# SPDX-License-Identifier: MIT
# Sandboxes that eight clients at once start, list, enter, watch and remove: none is lost, none waits
# for ever, and `list` stays quick.  Eight of them here, fifty with MATCHLOCK_SOAK=1 (make soak);
# lifecycle.sh does the same with rows alone.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"
requires jq
count=8
[ -z "${MATCHLOCK_SOAK:-}" ] || count=50

check "the template is made" ml template create --quiet --memory 128 matchlock/base
MATCHLOCK_TEMPLATE_BUILD=0
export MATCHLOCK_TEMPLATE_BUILD

# What client $3 does to its share of the $2 sandboxes, n1 n9 n17...; says what failed.
cat >"$work/start" <<'END'
for i in $(seq "$3" 8 "$2"); do
	"$1" run -d --memory 128 --name "n$i" -e "NUMBER=$i" --image matchlock/base >"$HOME/id$i" ||
		echo "start $i"
	"$1" list --running --json | jq -e "any(.id == \"$(cat "$HOME/id$i")\")" >/dev/null ||
		echo "list $i"
done
END
cat >"$work/enter" <<'END'
for i in $(seq "$3" 8 "$2"); do
	next=$((i % $2 + 1)) # which another client enters, too
	[ "$("$1" exec "n$i" -- sh -c 'echo $NUMBER; hostname')" = "$i
$(cat "$HOME/id$i")" ] || echo "exec $i"
	[ "$(echo "to $next" | "$1" exec -i "n$next" -- cat)" = "to $next" ] || echo "exec -i $next"
	[ "$("$1" list --running --json | jq length)" = "$2" ] || echo "list $i"
done
END
cat >"$work/remove" <<'END'
for i in $(seq "$3" 8 "$2"); do
	id=$(cat "$HOME/id$i")
	[ "$("$1" exec "$id" -- echo last)" = last ] || echo "exec $i"
	[ "$("$1" stop "n$i")" = "Stopped $id" ] || echo "stop $i"
	"$1" list >/dev/null || echo "list $i"
	[ "$("$1" rm "$id")" = "Removed $id" ] || echo "rm $i"
done
END

# clients WHAT NAME: eight at once do it, each to its share.
clients() {
	local client jobs= begin
	begin=$(date +%s)
	for client in 1 2 3 4 5 6 7 8; do
		as_user timeout 600 sh "$work/$1" "$ml" "$count" $client >"$work/said$client" 2>&1 &
		jobs="$jobs $!"
	done
	for client in $jobs; do
		wait "$client" || not_ok "a client ends in time"
	done
	is "$(cat "$work"/said[1-8])" "" "$2 ($(($(date +%s) - begin)) s)"
}

clients start "eight clients start $count sandboxes and see them"
is "$(ml list --running --json | jq 'map(.name) | unique | length')" "$count" "all $count run"
is "$(vm_processes | wc -l)" "$count" "... each in a VM"

# The fastest of nine: other work on this machine only ever makes it slower.
cat >"$work/timed" <<'END'
for i in 1 2 3 4 5 6 7 8 9; do
	start=$(date +%s%N)
	"$1" list >/dev/null
	echo $((($(date +%s%N) - start) / 1000))
done | sort -n | head -1
END
took=$(as_user sh "$work/timed" "$ml")
check "list takes less than 50 ms beside $count VMs (took $took us)" test "$took" -lt 50000

clients enter "eight clients enter each twice"
clients remove "eight clients enter, stop and remove them"
leaves_nothing "after $count sandboxes"
done_testing
