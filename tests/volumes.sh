#!/bin/bash
# SPDX-License-Identifier: MIT
# Named volumes and disks of the user's: what one VM has written the next one reads, whichever way
# the first one ended; one writer at a time; copies; what is no disk.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"
requires pgrep jq mke2fs dumpe2fs
volumes=$home/.cache/matchlock/volumes

# call ARG...: runs the program; $out, $error and $code are what it gave.
call() {
	code=0
	ml "$@" >"$work/out" 2>"$work/error" </dev/null || code=$?
	out=$(cat "$work/out") error=$(cat "$work/error")
}

# refuses TEXT ARG...: exit 1, nothing on stdout, this on stderr (a pattern).
refuses() {
	local want=$1
	shift
	call "$@"
	like "$code:$out:$error" "1::$want" "refused: $*"
}

# with DISK COMMAND: the command in a sandbox with this disk.
with() {
	call run --image matchlock/base --disk "$1" -- sh -c "$2"
}

# Whether the file system was unmounted: its journal is empty.
clean() {
	! dumpe2fs -h "$volumes/$1.ext4" 2>/dev/null | grep -q needs_recovery
}

# --- create, ls ---
call volume ls
is "$code:$out" "0:NAME  SIZE" "no volume"
is "$(ml volume ls --json)" "[]" "no volume as JSON"
call volume create data --size 64
is "$code:$out:$error" "0:Created volume data (64 MB):" "create"
call volume create " small " --size 0x10 --json
is "$code:$out:$error" \
	'0:{"name":"small","size":"16.0 MB","path":"'"$volumes"'/small.ext4"}:' "create --json"
is "$(ml volume list)" "NAME   SIZE
data   64.0 MB
small  16.0 MB" "ls"
is "$(ml volume ls --json | jq -c 'map([.name, .size, .path])')" \
	'[["data","64.0 MB","'"$volumes"'/data.ext4"],["small","16.0 MB","'"$volumes"'/small.ext4"]]' \
	"ls --json"
check "a large volume takes hardly any space" sh -c \
	"HOME='$home' $drop '$ml' volume create large && [ \$(du -m '$volumes/large.ext4' | cut -f 1) -le 8 ]"
is "$(stat -c '%s %a' "$volumes/large.ext4")" "10737418240 600" "the default size; nobody else's to read"
check "the smallest volume" ml volume create least --size 1
is "$(ml volume rm least; ml volume remove large)" "Removed volume least
Removed volume large" "rm"

refuses "named volume already exists: data" volume create data
for name in "" . .. .data -x ../data a/b "a b" $'a\nb'; do
	refuses "invalid volume name: *" volume create -- "$name"
	refuses "invalid volume name: *" volume rm -- "$name"
done
refuses "create named volume: size must be > 0 MB" volume create x --size 0
refuses "create named volume: size must be > 0 MB" volume create x --size=-5
refuses "create named volume: size must be <= 16777215 MB" volume create x --size 99999999
refuses 'invalid argument "1G" for "--size" flag: *' volume create x --size 1G
refuses 'invalid argument "99999999999999999999" for "--size" flag: *' volume create x \
	--size 99999999999999999999
refuses "accepts 1 arg(s), received 0*" volume create
refuses "named volume not found: none" volume rm none
refuses "named volume not found: none" volume cp none other
refuses "named volume already exists: small" volume cp data small
refuses "copy named volume: source and destination must be different" volume cp data data
is "$(ls -A "$volumes")" ".lock
data.ext4
small.ext4" "what was refused leaves nothing"

# --- what one VM writes, the next one reads ---
with @data:/var/lib/data 'cd /var/lib/data; echo kept >file; mkdir dir; chown 12:34 dir
	chmod 2750 dir; head -c 20000000 /dev/urandom >random; md5sum <random'
is "$code:$error" "0:" "a volume is mounted where it was asked for"
sum=$out
check "... and unmounted" clean data
with @data:/d 'cd /d; cat file; stat -c "%u %g %a" dir; md5sum <random; rm random'
is "$code:$out" "0:kept
12 34 2750
$sum" "the next VM reads it: content, owner, mode"
with @data:/d:ro 'cat /d/file; touch /d/new'
like "$code:$out:$error" "1:kept:*Read-only file system*" "ro"
is "$(ml run --image matchlock/base --no-template --disk "@data:/d" -- cat /d/file)" kept "at a boot, too"
call run --image matchlock/base --disk @data:/d --disk @small:/d/in/side -- \
	sh -c 'echo inner >/d/in/side/x; cut -d " " -f 2 /proc/mounts | grep "^/d\(/in\|\$\)"'
is "$code:$out" "0:/d
/d/in/side" "one in the other"
call run --image matchlock/base --disk @small:/s:READONLY,@data:/d -- cat /s/x /d/file
is "$code:$out" "0:inner
kept" "a list of disks"
is "$(ml run --image matchlock/base --user 12 --disk @data:/d -- sh -c 'ls /d/dir && id -u')" 12 \
	"permissions are the file system's"

# --- files ---
as_user truncate -s 20M "$home/disk.img"
as_user mke2fs -q -t ext4 "$home/disk.img"
call run --image matchlock/base --disk home/disk.img:/mnt -- sh -c 'echo 1 >/mnt/a; ls /mnt'
is "$code:$out" "0:a
lost+found" "a file, relative to here"
call run -d --rm --image matchlock/base --disk home/disk.img:/mnt -- \
	sh -c 'echo 2 >/mnt/b; echo up; sleep 1000'
detached=$out
is "$code:$(ml get "$detached" | jq -c .config.extra_disks)" \
	'0:[{"host_path":"'"$work"'/home/disk.img","guest_mount":"/mnt"}]' "run -d; get shows the disk"
refuses "creating sandbox: '$work/home/disk.img' is in use by sandbox $detached (process *): 'matchlock stop $detached' ends it" \
	run --image matchlock/base --disk home/disk.img:/mnt -- true
until ml log "$detached" | grep -q up; do sleep 0.05; done
ml stop "$detached" >/dev/null
call run --image matchlock/base --disk home/disk.img:/mnt:ro -- cat /mnt/a /mnt/b
is "$code:$out" "0:1
2" "... which stop has ended in order"

# --- every way out ---
for way in INT TERM HUP kill stop timeout rm=false; do
	case $way in
	timeout) options="--timeout 4" ;;
	rm=false) options=--rm=false ;;
	*) options= ;;
	esac
	start $options --disk @data:/d -- sh -c \
		"echo $way >/d/way; trap 'echo trapped >>/d/way; exit' TERM; echo up; while :; do sleep 0.1; done"
	case $way in
	kill | stop) ml $way "$id" >/dev/null ;;
	rm=false) ml kill "$id" >/dev/null ;;
	timeout) ;;
	*) kill -"$way" "$pid" ;;
	esac
	wait "$job"
	check "after $way: unmounted" clean data
	with @data:/d:ro 'cat /d/way'
	is "$code:$out" "0:$way
trapped" "after $way: what was written is there, and the program had time to write more"
done
ml prune >/dev/null
start --disk @data:/d -- sh -c 'trap "" TERM; echo stubborn >/d/way; echo up; while :; do sleep 0.1; done'
kill -INT "$pid"
wait "$job"
check "a program that does not end: unmounted" clean data
with @data:/d 'cat /d/way'
is "$code:$out" "0:stubborn" "... and read"

# kill does not wait; the next run does.
start --disk @data:/d -- sh -c 'trap "sleep 1; echo late >/d/way; exit" TERM; echo up; while :; do sleep 0.1; done'
ml kill "$id" >/dev/null
with @data:/d 'cat /d/way'
is "$code:$out" "0:late" "a run right after kill waits for the volume"
wait "$job"

# --- SIGKILL: the journal is replayed ---
start --disk @data:/d -- sh -c 'echo synced >/d/way; sync; echo up; sleep 1000'
kill -KILL "$pid"
wait "$job" 2>/dev/null
check_fails "after SIGKILL: the journal is not empty" clean data
refuses "creating sandbox: '$volumes/data.ext4' was not unmounted by the last sandbox that wrote to it: use it once without \"ro\", which replays its journal" \
	run --image matchlock/base --disk @data:/d:ro -- true
with @data:/d 'cat /d/way'
is "$code:$out" "0:synced" "the next VM replays it"
check "... and unmounts" clean data
ml gc >/dev/null

# --- one writer ---
start --name owner --disk @data:/d -- sh -c 'echo up; sleep 1000'
holder="'$volumes/data.ext4' is in use by sandbox $id (process $pid): 'matchlock stop $id' ends it"
refuses "creating sandbox: $holder" run --image matchlock/base --disk @data:/d -- true
refuses "creating sandbox: $holder" run --image matchlock/base --disk @data:/d:ro -- true
refuses "$holder" volume rm data
refuses "$holder" volume cp data copy
kill -INT "$pid"
wait "$job"
start --disk @data:/d:ro -- sh -c 'echo up; sleep 1000'
with @data:/d:ro 'cat /d/way'
is "$code:$out" "0:synced" "many may read"
refuses "creating sandbox: *is in use by sandbox $id *" run --image matchlock/base --disk @data:/d -- true
refuses "*is in use by sandbox $id *" volume rm data
check "a copy of what is read only" ml volume cp data copied
kill -INT "$pid"
wait "$job"
exec 7<"$volumes/data.ext4"
flock 7
refuses "creating sandbox: '$volumes/data.ext4' is in use by another process ('fuser' names it)" \
	run --image matchlock/base --disk @data:/d -- true
exec 7<&-

# --- cp ---
check "rm of a copy" ml volume rm copied
touch -d '2020-01-02 03:04:05' "$volumes/data.ext4"
chmod 640 "$volumes/data.ext4"
call volume cp data copy
is "$code:$out:$error" "0:Copied volume data to copy:" "cp"
is "$(stat -c '%s %a %Y' "$volumes/copy.ext4")" "$(stat -c '%s %a %Y' "$volumes/data.ext4")" \
	"cp keeps size, mode, time"
check "cp keeps holes" test "$(stat -c %b "$volumes/copy.ext4")" -le "$(stat -c %b "$volumes/data.ext4")"
check "cp copies every byte" cmp "$volumes/copy.ext4" "$volumes/data.ext4"
with @copy:/d 'stat -c "%u %g %a" /d/dir; echo changed >/d/file'
is "$code:$out" "0:12 34 2750" "a copy is a volume"
with @data:/d 'cat /d/file'
is "$code:$out" "0:kept" "... of its own"
echo half >"$volumes/.new.0123abcd"
chmod 777 "$volumes/.new.0123abcd"
check "copy and remove are aliases" sh -c \
	"HOME='$home' $drop '$ml' volume copy copy third && HOME='$home' $drop '$ml' volume remove third"
is "$(ls -A "$volumes")" ".lock
copy.ext4
data.ext4
small.ext4" "what a killed maker left is gone"

# Where the file system can share blocks, a copy has none of its own.
if [ "$(id -u)" -ne 0 ]; then
	skip "a copy shares blocks" "only root can mount a file system for it"
elif ! command -v mkfs.btrfs >/dev/null; then
	skip "a copy shares blocks" "mkfs.btrfs is not installed"
else
	mkdir "$work/btrfs"
	truncate -s 300M "$work/btrfs.img"
	mkfs.btrfs -q "$work/btrfs.img" >/dev/null
	mount -o loop "$work/btrfs.img" "$work/btrfs"
	cleanup_fn umount "$work/btrfs"
	install -d -o "$test_uid" -g "$test_uid" "$work/btrfs/cache"
	export MATCHLOCK_CACHE=$work/btrfs/cache
	ml volume create whole --size 64 >/dev/null
	head -c 20000000 /dev/urandom | dd of="$MATCHLOCK_CACHE/volumes/whole.ext4" bs=1M seek=20 conv=notrunc status=none
	sync -f "$work/btrfs"
	check "cp on btrfs" ml volume cp whole shared
	is "$(filefrag -v "$MATCHLOCK_CACHE/volumes/shared.ext4" | grep '^ *[0-9]*:' | grep -vc shared)" 0 \
		"a copy shares all its blocks"
	check "... and is the same" cmp "$MATCHLOCK_CACHE"/volumes/*.ext4
	unset MATCHLOCK_CACHE
fi

# Eight make the same volume: one does.
for i in 1 2 3 4 5 6 7 8; do
	ml volume create same --size 16 >"$work/made$i" 2>&1 &
	makers="${makers:-} $!"
done
wait $makers
is "$(cat "$work"/made? | sort | uniq -c | sed 's/^ *//')" "1 Created volume same (16 MB)
7 named volume already exists: same" "eight makers"

# --- what is no disk ---
no() {
	refuses "invalid disk mount \"$1\": $2" run --image matchlock/base --disk "$1" -- true
}
no none:/d "host path does not exist: $work/none"
no @none:/d "named volume not found: none"
no @:/d "volume name is required after '@'"
no @../data:/d 'invalid volume name: "../data" *'
no @data "expected FILE:GUEST *"
no @data:d 'invalid guest mount path "d": *'
no @data:/d/../e 'invalid guest mount path "/d/../e": *'
no @data:/ 'invalid guest mount path "/": *'
no @data:/d:rw 'unknown disk option "rw" (use "ro")'
refuses 'invalid disk mount: two disks are to be mounted at "/d"' \
	run --image matchlock/base --disk @data:/d --disk @small:/d/ -- true
is_no() {
	refuses "creating sandbox: $2" run --image matchlock/base --disk "$1:/d" -- true
}
as_user mkdir "$home/folder"
as_user mkfifo "$home/pipe"
as_user sh -c 'echo text >"$HOME/text"; head -c 1000000 "$HOME/disk.img" >"$HOME/short"; : >"$HOME/empty"'
is_no "$home/folder" "'$home/folder' is no regular file"
is_no "$home/pipe" "'$home/pipe' is no regular file"
is_no /dev/null "'/dev/null' is no regular file"
is_no "$home/text" "'$home/text' is no ext4 file system: *"
is_no "$home/empty" "'$home/empty' is no ext4 file system: *"
is_no "$home/short" "'$home/short' is shorter than the file system in it: a part is missing"
refuses "creating sandbox: '$volumes/data.ext4' is given twice: *" \
	run --image matchlock/base --disk @data:/a --disk "$volumes/data.ext4:/b:ro" -- true
call run --image matchlock/base --disk @data:/a:ro,@data:/b:ro -- cat /a/file /b/file
is "$code:$out" "0:kept
kept" "the same twice, read-only"
as_user cp "$home/disk.img" "$home/bad.img"
dd if=/dev/zero of="$home/bad.img" bs=4096 seek=1 count=100 conv=notrunc status=none
like "$(ml run --image matchlock/base --disk home/bad.img:/d -- true 2>&1)" \
	"starting sandbox: the guest could not be set up: disk *" "a damaged file system"

# --- as many as there is room for ---
list=
for i in $(seq 19); do
	ml volume create n$i --size 4 >/dev/null
	list="$list,@n$i:/n/$i"
done
call run --image matchlock/base --disk "${list#,}" -- sh -c \
	'for i in $(seq 19); do echo $i >/n/$i/x || exit; done; grep -c "^/dev/.* /n/" /proc/mounts'
is "$code:$out" "0:19" "nineteen disks"
is "$(ml run --image matchlock/base --disk @n19:/x -- cat /x/x)" 19 "... each in its place"
refuses "creating sandbox: overlay disk device limit exceeded: 20 disks are asked for, a VM has room for 19 beside its own" \
	run --image matchlock/base --disk "${list#,},@data:/d" -- true
leaves_nothing "after all"
done_testing
