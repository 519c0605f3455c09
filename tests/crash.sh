#!/bin/sh
# SPDX-License-Identifier: MIT
# What SIGKILL of a supervisor, of its VM, gateway or resolver, or of a template's builder leaves at
# each step of its life (MATCHLOCK_FAULT, src/base/fault.h): the sandbox shows as crashed with the
# reason, its processes are gone within two seconds, `rm`, `prune` and `gc` clear all, and the
# sandbox beside it goes on.
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
	for pid in $(pgrep qemu-system; pgrep -f "^$ml (run|template|__)"); do
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
	*:*) [ "$code" -le 1 ] || bad "exit $code: $(cat "$work/err")" ;;
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
		gateway | resolver) reason="the sandbox's $reason ended: killed by signal 9" ;;
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
		gateway-started true crashed owner
		gateway-started:gateway false crashed gateway
		gateway-started:resolver false crashed resolver
		running:gateway false crashed gateway
		running:resolver false crashed resolver
		stopping:gateway false stopped -
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
beside="$beside $(pgrep -d ' ' -P "$beside")" # its VM, gateway and resolver

# --- each step ---
walked=0
wanted=23
[ -z "${MATCHLOCK_SOAK:-}" ] || wanted=200
level=image
while [ "$walked" -lt "$wanted" ]; do
	walk_all "$level"
	level=$(echo "image generic cold image" | grep -o "$level [a-z]*" | cut -d ' ' -f 2)
done
is "$(base -- echo fine)" fine "the next run works"

# --- a template's builder; the files of its VM are in the draft ---
build() {
	ml template create --disk-size 1024 "$@" matchlock/base
}

# builder FAULT CLEARED_BY: it is hit there; then the next builder or `template prune` clears.
builder() {
	local code=0 wrong=
	MATCHLOCK_FAULT=$1
	export MATCHLOCK_FAULT
	build --background >"$work/out" 2>&1 || code=$?
	unset MATCHLOCK_FAULT
	case $1:$code in
	*:vmm:1 | *:137) ;;
	*) bad "exit $code: $(cat "$work/out")" ;;
	esac
	within 2 no_processes || bad "processes: $(processes)"
	case $2 in
	prune) ml template prune >/dev/null || bad "prune fails" ;;
	builder) build --quiet || bad "the next builder fails" ;;
	esac
	[ -z "$(find "$templates" -mindepth 1 -name '.*')" ] || bad "$2 leaves $(ls -A "$templates")"
	[ "$(ml exec "$neighbour" -- echo fine 2>&1)" = fine ] || bad "the one beside: $(ml list)"
	if [ -z "$wrong" ]; then ok "builder: $1, $2"; else not_ok "builder: $1, $2" "$wrong"; fi
	restore_templates
}

builder template-draft prune
builder template-vm builder
builder template-vm:vmm prune
builder template-rest prune
builder template-rest:vmm prune
builder template-saved builder
builder template-written prune
rm -rf "$templates"
builder template-saved prune # the generic one
builder template-named prune
MATCHLOCK_FAULT=template-saved MATCHLOCK_TEMPLATE_BUILD=1 HOME=$home $drop "$ml" run \
	--disk-size 1024 --image matchlock/base -- true
is "$?" 0 "a run whose detached builder is killed"
within 30 no_processes
like "$(ls -A "$templates")" "*.????????*" "its draft is there"
ml template prune >/dev/null
is "$(find "$templates" -mindepth 1 -name '.*')" "" "and is cleared by template prune"

# --- directories without a row ---
as_user mkdir -p "$state/vms/vm-00000001/logs" "$state/vms/vm-00000002" "$state/vms/other"
is "$(ml gc | grep -v "^$neighbour" | sort)" "Reconciled 3 VMs
vm-00000001: cleaned state_remove
vm-00000002: cleaned state_remove" "gc removes directories without a row"
as_user mkdir "$state/vms/vm-00000003"
is "$(ml prune)" "Pruned vm-00000003
Pruned 1 VMs" "prune does"
is "$(ls "$state/vms")" "other
$neighbour" "and nothing else"
rmdir "$state/vms/other"
as_user sqlite3 "$state/state.db" ".dump" >"$work/dump" # its row goes, the sandbox lives
as_user sqlite3 "$state/state.db" "DELETE FROM vms"
is "$(ml gc)" "Reconciled 0 VMs" "a sandbox that runs without a row keeps its directory"
as_user sh -c 'rm -f "$0"*; sqlite3 "$0" "PRAGMA journal_mode=WAL;"; exec sqlite3 "$0"' \
	"$state/state.db" <"$work/dump" >/dev/null
is "$(ml exec "$neighbour" -- echo fine)" fine "and is the same when it is known again"

# --- a clock that jumps ---
if command -v faketime >/dev/null; then
	for jump in -400d +400d; do
		is "$(as_user faketime -f "$jump" "$ml" get beside | jq -r .status)" running \
			"a clock that jumps by $jump ends nothing"
	done
	is "$(as_user faketime -f -400d "$ml" run --image matchlock/base -- echo fine)" fine \
		"a run 400 days ago"
else
	skip "a clock that jumps" "faketime is not installed"
fi

# --- a database that others hold: one sandbox wants to begin, one to end ---
ml run -d --image matchlock/base >"$work/id"
id=$(cat "$work/id")
pid=$(row .pid)
mkfifo -m 666 "$work/sql"
as_user sqlite3 "$state/state.db" <"$work/sql" >/dev/null &
holder=$!
exec 6>"$work/sql"
echo "BEGIN IMMEDIATE;" >&6
within 10 sh -c "! timeout 5 $drop sqlite3 '$state/state.db' 'BEGIN IMMEDIATE; ROLLBACK;' 2>/dev/null"
kill -TERM "$pid"
base -- true >"$work/out" 2>&1
is "$?:$(cat "$work/out")" "1:creating sandbox: database '$state/state.db' is locked by another process for more than 15 s: end that process ('fuser' names it) and try again" \
	"run: a locked database"
check "a sandbox ends while the database is locked" within 45 no_processes
echo "COMMIT;" >&6
exec 6>&-
wait "$holder"
is "$(row .status)" crashed "what could not be written is found out"
ml prune >/dev/null
is "$(ls "$state/vms")" "$neighbour" "and cleared"

# --- a disk that is full ---
if [ "$(id -u)" -eq 0 ]; then
	mkdir "$work/small"
	mount -t tmpfs -o "size=3m,uid=$test_uid,mode=700" none "$work/small"
	cleanup_fn umount -l "$work/small"
	MATCHLOCK_HOME=$work/small
	export MATCHLOCK_HOME
	fill() {
		head -c 9000000 /dev/zero >>"$work/small/fill" 2>/dev/null
	}
	like "$(base -- sh -c 'dd if=/dev/zero of=/big bs=64k count=200 conv=fsync 2>&1; echo on')" \
		"*Input/output error*on" "the guest is told when the host's disk is full"
	leaves_nothing_small() {
		is "$(ml gc):$(ls "$MATCHLOCK_HOME/vms")" "Reconciled 0 VMs:" "$1: nothing is left"
	}
	leaves_nothing_small "after that"
	ml run -d --image matchlock/base >"$work/id" 2>&1
	fill
	is "$(ml stop "$(cat "$work/id")" 2>&1)" "Stopped $(cat "$work/id")" "stop on a full disk"
	fill
	like "$(base -- true 2>&1)" "*o space left*" "run on a full disk: the reason"
	rm "$work/small/fill"
	ml run -d --image matchlock/base >"$work/id"
	pid=$(ml list --running --json | jq -r '.[0].pid')
	kill -KILL "$pid"
	fill
	is "$(ml list --json | jq -r ".[] | select(.id == \"$(cat "$work/id")\").status")" crashed \
		"list on a full disk finds the crashed ones"
	rm "$work/small/fill"
	is "$(base -- echo fine)" fine "with space the next run works"
	ml prune >/dev/null
	leaves_nothing_small "after prune"
	unset MATCHLOCK_HOME
else
	skip "a full disk" "only root can mount a small one"
fi

is "$(ml stop beside)" "Stopped $neighbour" "the one beside is stopped at last"
ml rm beside >/dev/null
leaves_nothing "after all"
done_testing
