#!/bin/sh
# SPDX-License-Identifier: MIT
# Sandboxes as other commands see them: listed, shown, watched, stopped, killed, removed; eight
# clients at once; databases that are locked, damaged, or of the earlier program.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"
requires pgrep jq sqlite3
db=$home/.matchlock/state.db

# call ARG...: runs the program; $out, $error and $code are what it gave.
call() {
	code=0
	ml "$@" >"$work/out" 2>"$work/error" </dev/null || code=$?
	out=$(cat "$work/out") error=$(cat "$work/error")
}

# refuses TEXT ARG...: exit 1, nothing on stdout, exactly this one line on stderr.
refuses() {
	local want=$1
	shift
	call "$@"
	is "$code:$out:$error" "1::$want" "refused: $*"
}

field() {
	ml get "$id" | jq -r "$1"
}

# until_true COMMAND...: up to 30 s.
until_true() {
	local end=$(($(date +%s) + 30))
	until "$@"; do
		[ "$(date +%s)" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# --- nothing there ---
call list
is "$code:$out" "0:ID  STATUS  IMAGE  CREATED  PID  NAME" "an empty list has its headers"
call list --json
is "$code:$out" "0:[]" "an empty list as JSON"
call prune
is "$code:$out" "0:Pruned 0 VMs" "nothing to prune"
for command in get inspect kill stop rm gc; do
	refuses "VM vm-00000000 not found" $command vm-00000000
	refuses "VM ../../etc not found" $command ../../etc
done
refuses "VM not found ../log: VM ../log not found" log ../log
refuses "VM ID required (or use --all)" kill
refuses "VM ID required (or use --stopped)" rm
refuses '--name "vm-1" is no name: use letters, digits and '"'_', '.', '-'"' (not first), at most 64 bytes, not beginning with "vm-" as ids do' \
	run --name vm-1 --image matchlock/base -- true
refuses "invalid label: expected KEY=VALUE or KEY" run --label =x --image matchlock/base -- true
check_fails "a name is no path" ml run --name a/b --image matchlock/base -- true

# --- one that runs ---
start --rm=false --name web --label team=a --label plain -e A=b -- \
	sh -c 'echo up; echo complaint >&2'
like "$id" "vm-????????" "run --rm=false is in the list with the pid of its process"
like "$(ml ps)" "ID * STATUS *
$id  running  matchlock/base  20??-??-?? ??:??  $pid * web" "the table"
is "$(ml ls --running --json | jq -r '.[].id')" "$id" "list --running --json"
is "$(ml list --label team=a --label plain --json | jq -r '.[].id')" "$id" "list --label"
is "$(ml list --label team=b --json)$(ml list --label plain=x --json)" "[][]" \
	"list --label: another value"
is "$(field '[.id, .name, .pid, .status, .image, .labels.team, .labels.plain, .config.id,
	.config.resources.memory_mb, .config.env.A] | map(tostring) | join(" ")')" \
	"$id web $pid running matchlock/base a  $id 512 b" "get: the object"
is "$(ml get web)" "$(ml get "$id")" "a name works as the id does"
is "$(ml get web | sed -n 2p)" "  \"id\": \"$id\"," "get: indented by two"
is "$(ml inspect web | jq -r '[.vm.id, .lifecycle.phase, .lifecycle.backend, (.history | length >= 5),
	([.history[].version] == [range(1; (.history | length) + 1)]),
	(.history[-1] == .lifecycle)] | map(tostring) | join(" ")')" \
	"$id running qemu true true true" "inspect: VM, newest record, history"
is "$(ml stat "$id")" "$(ml inspect "$id")" "stat is inspect"
until_true sh -c 'test -n "$(HOME='"$home"' '"$drop $ml"' log web | grep complaint)"'
like "$(ml logs web)" "*up
complaint*" "log: what the command wrote"
refuses "VM is running $id" rm web
refuses "creating sandbox: the name \"web\" belongs to VM $id: choose another, or remove that one with 'matchlock rm web'" \
	run --name web --image matchlock/base -- true
call rm --stopped
is "$code:$out$error" "0:" "rm --stopped leaves it"
call gc
is "$code:$out" "0:$id: skipped (VM is running)
Reconciled 1 VMs" "gc skips it"
call gc web
is "$code:$out:$error" "1:$id: skipped (VM is running):VM is running $id" "gc of it is an error"
is "$(ml prune)" "Pruned 0 VMs" "prune leaves it"

# --- followed, and stopped ---
ml log -f web >"$work/followed" &
follower=$!
ml log -f web >"$work/interrupted" &
other=$!
until_true sh -c "grep -q complaint $work/followed && grep -q complaint $work/interrupted"
pkill -INT -P "$other" 2>/dev/null || kill -INT "$other"
wait "$other"
is "$?" 0 "log -f: SIGINT is exit 0"
call stop web
is "$code:$out:$error" "0:Stopped $id:" "stop"
wait "$job"
is "$?" 0 "stop: the owner ends well"
wait "$follower"
is "$?" 0 "log -f ends with the VM"
is "$(cat "$work/followed")" "$(ml log "$id")" "log -f: the whole log, to its end"
is "$(field '.status + " " + (.pid | tostring)')" "stopped 0" "stopped: no pid"
is "$(ml inspect "$id" | jq -r .lifecycle.phase)" cleaned "stopped: cleaned"
like "$(ml list)" "*$id  stopped  matchlock/base  * -    web" "stopped: in the list"
is "$(ml list --running --json)" "[]" "stopped: not in list --running"
refuses "VM $id is not running" kill web
refuses "VM $id is not running" stop "$id"
call rm web
is "$code:$out:$error" "0:Removed $id:" "rm by name"
refuses "VM $id not found" get "$id"
leaves_nothing "after rm"

# --- stop gives time (the guest's console tells, which is there longer than the command's output) ---
start --privileged -- sh -c 'trap "sleep 1; echo \"<0>bye\" >/dev/kmsg; exit 0" TERM
	echo up; while :; do sleep 0.1; done'
ml log -f "$id" >"$work/followed" &
follower=$!
call stop -t 20 "$id"
is "$code:$out" "0:Stopped $id" "stop of a --rm sandbox"
wait "$job" "$follower"
like "$(cat "$work/followed")" "*bye*" "the command had its time"
leaves_nothing "after stop of a --rm sandbox"

# --- what a command says at its end ---
id=$(ml run -d --image matchlock/base -- sh -c 'trap "echo bye; exit 0" TERM
	echo up; while :; do sleep 0.1; done')
until_true sh -c "HOME=$home $drop $ml log $id | grep -q up"
is "$(ml stop "$id")" "Stopped $id" "stop of a command that runs"
like "$(ml log "$id")" "*up*bye*" "its last words are in the log"
ml rm "$id" >/dev/null

# --- kill ---
start --rm=false -- echo up
call kill "$id"
is "$code:$out:$error" "0:Killed $id:" "kill"
wait "$job"
is "$?" 0 "kill of an idle sandbox: its owner exits 0"
is "$(field .status)" stopped "killed: stopped"
killed=$id
start --rm=false --name second -- echo up
call stop "$killed" nothing second
is "$code:$out:$error" "1:Stopped $id:VM $killed is not running
VM nothing not found" "stop of several: those that cannot be do not keep the others"
wait "$job"
call rm second
start --rm=false --name second -- echo up
call kill --all
is "$code:$out" "0:Killed $id" "kill --all: those that run"
wait "$job"
call rm "$killed" nothing second
is "$code:$out:$error" "1:Removed $killed
Removed $id:VM nothing not found" "rm of several: one that is unknown does not keep the others"
leaves_nothing "after kill"

# --- an owner that dies ---
start --rm=false --name crash -- echo up
vmm=$(as_user sqlite3 "$db" "SELECT vmm_pid FROM vm_owner WHERE vm_id = '$id'")
is "$vmm" "$(vm_processes)" "the state knows the VM's process"
ml log -f crash >"$work/followed" &
follower=$!
kill -KILL "$pid"
wait "$follower"
is "$?" 0 "log -f ends with an owner that was killed"
wait "$job" 2>/dev/null
is "$(field '.status + " " + (.pid | tostring)')" "crashed $pid" "SIGKILL of the owner: crashed"
is "$(ml inspect crash | jq -r .lifecycle.last_error)" \
	"process $pid, which ran this sandbox, ended without stopping it" "inspect tells why"
refuses "VM $id is not running" kill crash
until_true sh -c "! kill -0 $vmm 2>/dev/null"
# A VM that lives on without its owner cannot be had; a process of the same kind of row can.
as_user sh -c 'echo $$ >"$HOME/orphan"; exec sleep 1000' >/dev/null &
until_true test -s "$home/orphan"
orphan=$(cat "$home/orphan")
cleanup_fn sh -c "kill $orphan 2>/dev/null"
start_time=$(sed 's/.*) //' "/proc/$orphan/stat" | cut -d ' ' -f 20)
as_user sqlite3 "$db" "UPDATE vm_owner SET vmm_pid = $orphan, vmm_start = $((start_time + 1))"
is "$(ml gc crash)" "$id: cleaned rootfs_remove" "gc removes the disk, and no process with a used pid"
check "the process with the used pid lives" kill -0 "$orphan"
as_user sqlite3 "$db" "UPDATE vm_owner SET vmm_start = $start_time"
is "$(ml gc crash)" "$id: cleaned vmm_end" "gc ends a VM that has outlived its owner"
check_fails "it is gone" kill -0 "$orphan"
as_user sqlite3 "$db" "UPDATE vms SET status = 'running', pid = $$"
is "$(field .status)" crashed "a used pid of the owner: crashed"
call prune
is "$code:$out" "0:Pruned $id
Pruned 1 VMs" "prune"
leaves_nothing "after a crash"

# --- eight clients, fifty sandboxes: rows whose owner is a process that waits ---
boot=$(cat /proc/sys/kernel/random/boot_id)
cat >"$work/owners" <<'END'
for i in $(seq 50); do
	sleep 1000 >/dev/null 2>&1 &
	id=$(printf 'vm-%08x' "$i")
	start=$(sed 's/.*) //' "/proc/$!/stat" | cut -d ' ' -f 20)
	mkdir -p "$HOME/.matchlock/vms/$id/logs"
	echo "this is $id" >"$HOME/.matchlock/vms/$id/logs/vm.log"
	echo "INSERT INTO vms VALUES ('$id', $!, 'running', 'x', '{}', '2026-01-01T00:00:00Z', '');" \
		"INSERT INTO vm_owner (vm_id, pid_start, boot_id, remove, name)" \
		"VALUES ('$id', $start, '$1', 0, 'n$i');"
done >"$HOME/rows.sql"
END
as_user sh "$work/owners" "$boot" &
wait $!
as_user sqlite3 "$db" ".read $home/rows.sql"
is "$(ml list --running --json | jq length)" 50 "fifty sandboxes run"

# The fastest of nine: other work on this machine only ever makes it slower.
cat >"$work/timed" <<'END'
for i in 1 2 3 4 5 6 7 8 9; do
	start=$(date +%s%N)
	"$1" list >/dev/null
	echo $((($(date +%s%N) - start) / 1000))
done | sort -n | head -1
END
took=$(as_user sh "$work/timed" "$ml")
check "list of fifty takes less than 50 ms (took $took us)" test "$took" -lt 50000

cat >"$work/client" <<'END'
# Client $2 of 8: kills, watches and removes its share, and looks at everything else meanwhile.
i=$2
while [ "$i" -le 50 ]; do
	id=$(printf 'vm-%08x' "$i")
	[ "$("$1" log "n$i")" = "this is $id" ] || echo "log $i"
	"$1" inspect "$id" | jq -e ".vm.status == \"running\"" >/dev/null || echo "inspect $i"
	[ "$("$1" kill "n$i")" = "Killed $id" ] || echo "kill $i"
	while "$1" get "$id" | jq -e '.status == "running"' >/dev/null; do sleep 0.02; done
	"$1" list >/dev/null || echo "list $i"
	[ "$("$1" rm "$id")" = "Removed $id" ] || echo "rm $i"
	i=$((i + 8))
done
END
for client in 1 2 3 4 5 6 7 8; do
	as_user timeout 200 sh "$work/client" "$ml" $client >"$work/client$client" 2>&1 &
	clients="${clients:-} $!"
done
for client in $clients; do
	wait "$client" || not_ok "a client ends in time"
done
is "$(cat "$work"/client[1-8])" "" "eight clients at once: nothing failed, nothing was lost"
leaves_nothing "after eight clients"

# Eight prune the same rows: each goes once.
as_user sqlite3 "$db" ".read $home/rows.sql"
clients=
for client in 1 2 3 4 5 6 7 8; do
	ml prune >"$work/pruned$client" 2>&1 &
	clients="$clients $!"
done
for client in $clients; do
	wait "$client" || not_ok "prune beside prune succeeds" "$(cat "$work"/pruned[1-8])"
done
is "$(cat "$work"/pruned[1-8] | grep -c '^Pruned vm-')" 50 "eight prune at once: each row once"
leaves_nothing "after eight times prune"

# --- a database that others hold ---
as_user sqlite3 "$db" ".read $home/rows.sql"
mkfifo -m 666 "$work/sql"
as_user sqlite3 "$db" <"$work/sql" >/dev/null &
holder=$!
exec 6>"$work/sql"
echo "SELECT count(*) FROM vms; BEGIN IMMEDIATE;" >&6
until_true sh -c "! timeout 5 $drop sqlite3 $db 'BEGIN IMMEDIATE; ROLLBACK;' 2>/dev/null"
refuses "database '$db' is locked by another process for more than 15 s: end that process ('fuser' names it) and try again" \
	rm n1
echo "COMMIT;" >&6
exec 6>&-
wait "$holder"
check "... and when they let go, it goes on" ml rm n1
ml prune >/dev/null

# --- the earlier program's two databases ---
rm -rf "$home/.matchlock"
as_user mkdir -p "$home/.matchlock/vms/vm-0badcafe/logs"
echo "old words" >"$home/.matchlock/vms/vm-0badcafe/logs/vm.log"
as_user touch "$home/.matchlock/vms/vm-0badcafe/bootstrap.ext4"
as_user sqlite3 "$db" "CREATE TABLE vms (id TEXT PRIMARY KEY, pid INTEGER NOT NULL DEFAULT 0,
	status TEXT NOT NULL, image TEXT NOT NULL DEFAULT '', config_json BLOB,
	created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
	CREATE TABLE subnet_allocations (vm_id TEXT PRIMARY KEY, octet INTEGER NOT NULL UNIQUE,
	gateway_ip TEXT NOT NULL, guest_ip TEXT NOT NULL, subnet TEXT NOT NULL, created_at TEXT NOT NULL);
	CREATE TABLE schema_migrations (module TEXT NOT NULL, version INTEGER NOT NULL,
	name TEXT NOT NULL, applied_at TEXT NOT NULL, PRIMARY KEY (module, version));
	INSERT INTO schema_migrations VALUES ('state', 1, 'create_vms', ''),
	('state', 2, 'create_subnet_allocations', '');
	INSERT INTO subnet_allocations VALUES ('vm-0badcafe', 100, '', '', '', ''), ('gone', 101, '', '', '', '');
	INSERT INTO vms VALUES ('vm-0badcafe', $$, 'running', 'alpine:latest',
	'{\"network\":{\"secrets\":{\"KEY\":{\"value\":\"s3cret\",\"hosts\":[\"a\"]}}}}',
	'2020-03-14T10:20:30.123Z', '2020-03-14T10:20:30.123Z')"
as_user sqlite3 "$home/.matchlock/vms/state.db" "CREATE TABLE vm_lifecycle (vm_id TEXT NOT NULL,
	version INTEGER NOT NULL, backend TEXT NOT NULL DEFAULT '', phase TEXT NOT NULL,
	updated_at TEXT NOT NULL, last_error TEXT NOT NULL DEFAULT '',
	resources_json TEXT NOT NULL DEFAULT '{}', cleanup_json TEXT NOT NULL DEFAULT '{}',
	PRIMARY KEY (vm_id, version));
	INSERT INTO vm_lifecycle VALUES
	('vm-0badcafe', 1, 'firecracker', 'creating', '2020-03-14T10:20:30Z', '', '{}', '{}'),
	('vm-0badcafe', 2, 'firecracker', 'running', '2020-03-14T10:20:31Z', '', '{\"tap_name\":\"fc-0badcafe\"}', '{}')"
id=vm-0badcafe
is "$(field '.status + " " + .image')" "crashed alpine:latest" "earlier state: read, its pid is another's"
is "$(field '.config.network.secrets.KEY | .value + " " + .hosts[0]')" "[hidden] a" \
	"earlier state: the secret is not shown"
is "$(ml inspect $id | jq -r '[.history[] | (.version | tostring) + .backend + .phase] | join(" ")')" \
	"1firecrackercreating 2firecrackerrunning 3firecrackerrunning" "earlier state: its history goes on"
is "$(ml log $id)" "old words" "earlier state: its log"
is "$(ml gc $id)" "$id: cleaned bootstrap_remove" "earlier state: its disks"
is "$(ml rm $id)" "Removed $id" "earlier state: removed"
is "$(as_user sqlite3 "$db" 'SELECT count(*) FROM subnet_allocations')" 0 "and no address is held"
rm -rf "$home/.matchlock/vms/state.db"*
leaves_nothing "after earlier state"

# --- what cannot be ---
rm -f "$db-wal" "$db-shm"
echo "This is no database." >"$db"
call list
like "$code:$out:$error" "1::database '$db' is damaged: it was kept as '$db.damaged-*', and the next command makes a new one" \
	"a damaged database is named"
is "$(cat "$db".damaged-*)" "This is no database." "and kept"
is "$(ml list --json)" "[]" "the next command goes on"

as_user sqlite3 "$db" "INSERT INTO vms VALUES ('../../precious', 0, 'stopped', '', '{}', '2026', '2026')"
as_user mkdir "$home/precious"
refuses "VM id \"../../precious\" of the database '$home/.matchlock/state.db' is no file name" rm ../../precious
check "a row cannot lead out of the folder" test -d "$home/precious"

mkdir -m 555 "$work/readonly"
out=$(as_user env HOME="$work/readonly" "$ml" list 2>&1)
is "$?:$out" "1:database '$work/readonly/.matchlock/state.db' cannot be written (Permission denied): make it and its directory writable, or set MATCHLOCK_HOME to a directory that is" \
	"an unwritable home"
done_testing
