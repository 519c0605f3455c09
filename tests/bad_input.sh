#!/bin/sh
# SPDX-License-Identifier: MIT
# What cannot work: one line that names cause and remedy, exit 1, nothing left behind.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"

# refused NAME PATTERN ARG...: the run fails as said.
refused() {
	local name=$1 pattern=$2 out status
	shift 2
	out=$(ml run "$@" 2>&1 </dev/null)
	status=$?
	is "$status" 1 "$name: exit 1"
	is "$(printf '%s\n' "$out" | wc -l)" 1 "$name: one line"
	like "$out" "$pattern" "$name: $pattern"
}

refused "unknown flag" 'unknown flag: --bogus*' --bogus
refused "bad number" 'invalid argument "x" for "--memory" flag: *' --memory x --image matchlock/base -- true
refused "no image flag" 'required flag(s) "image" not set*' -- true
refused "missing image" 'building rootfs: *no/such*' --pull=never --image no/such:image -- true
refused "no registry there" 'building rootfs: *127.0.0.1:1*' --image 127.0.0.1:1/no/such:image -- true
refused "too many CPUs" '--cpus must be <= host cpus (*' --image matchlock/base --cpus 4096 -- true
refused "too little memory" '*memory*' --image matchlock/base --memory 1 -- true
refused "invalid UTF-8" '*UTF-8*' --image matchlock/base -- "$(printf 'a\377b')"
big=$(head -c 70000 /dev/zero | tr '\0' x)
refused "128 KiB of arguments" '*131071*' --image matchlock/base -- echo "$big" "$big"

MATCHLOCK_KERNEL=/no/such/kernel
export MATCHLOCK_KERNEL
refused "a kernel that does not exist" '*/no/such/kernel*MATCHLOCK_KERNEL*' --image matchlock/base -- true
echo "this is no kernel" >"$work/kernel"
MATCHLOCK_KERNEL=$work/kernel
refused "a kernel that is none" 'starting sandbox: *' --image matchlock/base -- true
chmod 000 "$work/kernel"
refused "an unreadable kernel" '*Permission denied*' --image matchlock/base -- true
unset MATCHLOCK_KERNEL
leaves_nothing "after refusals"

# Without QEMU: a world in which only the program's own libraries are found.
if [ "$(id -u)" -eq 0 ]; then
	out=$(unshare -m sh -c '
		mount -t tmpfs none /mnt
		touch /mnt/none
		for p in /usr/bin/qemu-system-x86_64 /usr/bin/qemu-system-x86_64-microvm; do
			[ ! -e "$p" ] || mount --bind /mnt/none "$p"
		done
		HOME=$1 exec setpriv --reuid "$2" --regid "$2" --clear-groups -- "$3" run --image matchlock/base -- true
		' - "$home" "$test_uid" "$ml" 2>&1)
	is "$?" 1 "no QEMU: exit 1"
	like "$out" '*qemu-system-x86*' "no QEMU: its name"

	mkdir "$work/small"
	mount -t tmpfs -o size=160k,mode=777 none "$work/small"
	cleanup_fn umount "$work/small"
	out=$(MATCHLOCK_HOME=$work/small/home base -- true 2>&1)
	is "$?" 1 "a full disk: exit 1"
	like "$out" '*o space left*' "a full disk: the reason"
	is "$(ls "$work/small/home/vms" 2>/dev/null)" "" "a full disk: nothing is left"

	mount -o remount,size=4m "$work/small"
	out=$(MATCHLOCK_HOME=$work/small/home base --timeout 60 -- sh -c '
		dd if=/dev/zero of=/big bs=1M count=20; sync; touch /more || echo the guest sees it' 2>&1)
	is "$?" 0 "a disk that gets full while the VM runs does not stop it for ever"
	like "$out" '*the guest sees it*' "and the guest sees that it cannot write"
else
	skip "no QEMU" "needs root to hide it"
	skip "a full disk" "needs root to make one"
fi

mkdir -m 555 "$work/readonly"
out=$(HOME=$work/readonly; export HOME; as_user env HOME="$work/readonly" "$ml" run --image matchlock/base -- true 2>&1)
is "$?" 1 "a read-only home: exit 1"
like "$out" '*'"$work/readonly"*'*denied*' "a read-only home: path and reason"

long=$home/$(head -c 120 /dev/zero | tr '\0' d)
as_user mkdir "$long"
out=$(as_user env HOME="$long" "$ml" run --image matchlock/base -- echo fine 2>&1)
is "$?,$out" "0,fine" "a home path over 108 bytes works"

out=$(as_user env -u HOME "$ml" run --image matchlock/base -- true 2>&1)
is "$?" 1 "no HOME: exit 1"
like "$out" '*HOME*' "no HOME: its name"
is "$(base -- echo fine <&-)" fine "stdin closed"
base -- echo fine >&- 2>"$work/err"
is "$?" 1 "stdout closed: exit 1"
leaves_nothing "after all"
done_testing
