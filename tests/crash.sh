#!/bin/sh
# SPDX-License-Identifier: MIT
# What SIGKILL of a supervisor, of a VM or of a template's builder leaves at each step of its life
# (MATCHLOCK_FAULT, src/base/fault.h): the sandbox shows as crashed with the reason, its processes
# are gone within two seconds, `rm`, `prune` and `gc` clear all, and the sandbox beside it goes on.
# Each step once, from an image's template, a generic one and cold in turn; with MATCHLOCK_SOAK=1
# 200 steps.  Then disks that are full, a database that others hold, a clock that jumps.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"
requires pgrep jq sqlite3
state=$home/.matchlock
templates=$home/.cache/matchlock/templates

# Only who asks for a template makes one.
MATCHLOCK_TEMPLATE_BUILD=0
export MATCHLOCK_TEMPLATE_BUILD

# within SECONDS COMMAND...: the command succeeds before that.
within() {
	local end=$(($(date +%s%N) + $1 * 1000000000))
	shift
	until "$@"; do
		[ "$(date +%s%N)" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# Processes of this test's sandboxes and builders, without those of the one beside.
processes() {
	local pid
	for pid in $(pgrep qemu-system; pgrep -f "^$ml (run|template|__supervise)"); do
		case " $beside " in *" $pid "*) continue ;; esac
		case $(readlink "/proc/$pid/exe" "/proc/$pid/fd/"* 2>/dev/null) in
		*"$home/"* | *"$ml"*) echo "$pid" ;;
		esac
	done
}

no_processes() {
	[ -z "$(processes)" ]
}

# row FILTER: of the sandbox that is not the one beside; nothing when there is none.
row() {
	ml list --json | jq -r ".[] | select(.id != \"$neighbour\") | $1"
}

# bad TEXT: something of the step did not hold.
bad() {
	wrong="$wrong
$1"
}

# The levels by what is there: a template of the image is kept for the usual disk size only.
level_flags() {
	case $1 in
	generic) echo "--disk-size 1024" ;;
	cold) echo "--no-template" ;;
	esac
}

restore_templates() {
	rm -rf "$templates"
	cp -a "$work/templates" "$templates"
}

ended() {
	! kill -0 "$job" 2>/dev/null
}

up_or_ended() {
	grep -q up "$work/out" || ended
}

# clear_by WAY ID: removes what is left of the sandbox.
clear_by() {
	case $1 in
	rm) ml rm "$2" ;;
	prune) ml prune ;;
	gc) ml gc && { [ -z "$(row .id)" ] || ml rm "$2"; } ;;
	esac
}

# walk FAULT LEVEL RM STATUS REASON: a sandbox that is hit there.
walk() {
	local fault=$1 level=$2 rm=$3 status=$4 reason=$5 code=0 way id wrong=
	HOME=$home MATCHLOCK_FAULT=$fault timeout 120 $drop "$ml" run --rm="$rm" $(level_flags "$level") \
		--image matchlock/base -- echo up >"$work/out" 2>"$work/err" </dev/null &
	job=$!
	if [ "$rm" = false ]; then
		within 110 up_or_ended
		ended || ml stop "$(row .id)" >/dev/null 2>&1
	fi
	wait "$job" || code=$?
	within 2 no_processes || bad "processes: $(processes)"
	case $fault in
	*:vmm) [ "$code" -le 1 ] || bad "exit $code: $(cat "$work/err")" ;;
	*) [ "$code" -eq 137 ] || bad "exit $code: $(cat "$work/err")" ;;
	esac
	id=$(row .id)
	[ "$(row .status)" = "$status" ] || bad "status: $(row .status)"
	if [ -n "$reason" ]; then
		case $(ml inspect "$id" | jq -r .lifecycle.last_error) in
		$reason) ;;
		*) bad "reason: $(ml inspect "$id" | jq -r .lifecycle.last_error)" ;;
		esac
	fi
	[ "$(ml exec "$neighbour" -- echo fine 2>&1)" = fine ] || bad "the one beside: $(ml list)"
	way=$(echo rm prune gc | cut -d ' ' -f $((walked % 3 + 1)))
	[ -z "$id" ] || clear_by "$way" "$id" >"$work/cleared" 2>&1 || bad "$way: $(cat "$work/cleared")"
	[ "$(ls "$state/vms")" = "$neighbour" ] || bad "$way leaves $(ls "$state/vms")"
	[ -z "$(row .id)" ] || bad "$way leaves the row $(row .)"
	case $fault in vmm*:vmm) restore_templates ;; esac # which were held to be at fault
	walked=$((walked + 1))
	if [ -z "$wrong" ]; then
		ok "$fault, $level, --rm=$rm, $way"
	else
		not_ok "$fault, $level, --rm=$rm, $way" "$wrong"
	fi
}

walk_all() {
	local level=$1 killed='process * ended without stopping it' vm='the VM ended: killed by signal 9*'
	while read -r fault rm status reason; do
		case $reason in
		owner) reason=$killed ;;
		vm) reason=$vm ;;
		*) reason= ;;
		esac
		walk "$fault" "$level" "$rm" "$status" "$reason"
		level=$(echo "image generic cold image" | grep -o "$level [a-z]*" | cut -d ' ' -f 2)
		[ "$walked" -lt "$wanted" ] || return 0
	done <<-END
		creating true crashed owner
		files false crashed owner
		created true crashed owner
		starting false crashed owner
		vmm-started true crashed owner
		vmm-started:vmm false crashed vm
		vmm-known false crashed owner
		vmm-known:vmm false crashed vm
		running false crashed owner
		running:vmm false crashed vm
		stopping true crashed owner
		stopping:vmm false crashed vm
		stopping false crashed owner
		cleaning false crashed owner
		disk-removed true crashed owner
		directory-removed true crashed owner
		cleaned false stopped -
	END
}

check "templates are made" ml template create --quiet matchlock/base
cp -a "$templates" "$work/templates"
neighbour=$(ml run -d --name beside --image matchlock/base)
like "$neighbour" "vm-????????" "a sandbox beside"
beside=$(ml get beside | jq -r .pid)
beside="$beside $(as_user sqlite3 "$state/state.db" "SELECT vmm_pid FROM vm_owner")"

# --- each step ---
walked=0
wanted=17
[ -z "${MATCHLOCK_SOAK:-}" ] || wanted=200
level=image
while [ "$walked" -lt "$wanted" ]; do
	walk_all "$level"
	level=$(echo "image generic cold image" | grep -o "$level [a-z]*" | cut -d ' ' -f 2)
done
is "$(base -- echo fine)" fine "the next run works"
done_testing
