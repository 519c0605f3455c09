#!/bin/sh
# SPDX-License-Identifier: MIT
# `matchlock diagnose` on hosts that lack one thing each: as an ordinary user in mount namespaces of
# its own, where root has taken that thing away.
. "$(dirname "$0")/lib/tap.sh"
requires python3 unshare setpriv
[ "$(id -u)" -eq 0 ] || skip_all "only root can make hosts that lack something"
. "$(dirname "$0")/lib/matchlock.sh"

# on SCRIPT ARG...: diagnose as the user, on a host on which the script was run.
on() {
	local script=$1
	shift
	code=0
	out=$(HOME=$home unshare -m sh -c "$script"' && exec "$@"' sh $drop "$ml" diagnose "$@" \
		2>"$work/error") || code=$?
	error=$(cat "$work/error")
}

# check_of NAME FIELD: of the JSON in $out.
check_of() {
	echo "$out" | python3 -c '
import json, sys
for check in json.load(sys.stdin)["checks"]:
    if check["name"] == sys.argv[1]:
        print(check.get(sys.argv[2], "none"))' "$1" "$2"
}

# fails SCRIPT NAME MESSAGE FIX: on such a host just this check fails, with these patterns.
fails() {
	on "$whole && $1" --json
	is "$code:$error:$(check_of "$2" status)" \
		"1:diagnose failed: one or more checks failed:fail" "$2 fails, and so the command"
	like "$(check_of "$2" message)" "$3" "$2 says what is wrong"
	like "$(check_of "$2" fix)" "$4" "$2 names what mends it"
}

# Nodes of our own, so that those of this machine keep their modes.
mkdir "$work/empty"
mknod "$work/tun" c 10 200
chmod 666 "$work/tun"
mknod "$work/closed" c 10 200
chmod 600 "$work/closed"
echo text >"$work/text"
whole="mount --bind $work/tun /dev/net/tun"

# --- nothing is missing ---
on "$whole" --json
is "$code:$error" "0:" "exit 0 when nothing fails; warnings do not count"
is "$(echo "$out" | python3 -c '
import json, sys
lines = sys.stdin.read().splitlines()
found = json.loads(lines[0])
checks = found["checks"]
print(len(lines), sorted(found), found["ok"])
print({tuple(c) for c in checks} <= {("name", "status", "message"),
                                     ("name", "status", "message", "fix")})
print(" ".join(c["name"] for c in checks))')" "1 ['checks', 'ok'] True
True
qemu kvm-device cpu-virtualization kvm-access group-kvm accelerator binary-capabilities \
user-namespaces tun-device group-netdev nf_tables kernel artefacts mke2fs disk-space state store" \
	"the JSON: one line, the documented fields, the documented names in order"
like "$(check_of qemu message)" "/*qemu-system-x86_64: QEMU emulator version *" \
	"qemu tells the version"
like "$(check_of accelerator message)" "*" "the accelerator is told"
is "$(check_of state message):$(check_of store message)" "no sandbox yet:no image yet" \
	"a home without anything in it is sound"
is "$(find "$home" -name '*.db')" "" "... and no database is made for it"
on "$whole"
is "$code:$(echo "$out" | grep -c '^[✓⚠] [a-z0-9_-]*: .')" "0:17" "as text: a line a check"

# --- what is only slower ---
rm -f "$home/.cache/matchlock/accel" # it may say that this user had no permission
on "$whole && mount --bind $work /mnt && mount -t tmpfs none /dev && mkdir /dev/net &&
	mknod -m 666 /dev/null c 1 3 && cp -a /mnt/tun /dev/net/tun" --json
is "$code:$(check_of kvm-device status):$(check_of kvm-access status):$(check_of accelerator \
	status):$(check_of group-kvm status)" "0:warn:warn:warn:pass" "a host without KVM: warnings"
like "$(check_of accelerator message)" "software emulation (this host has no /dev/kvm*" \
	"... and the accelerator says what that means"

# --- one thing is missing ---
fails "mount --bind $work/text /usr/bin/qemu-system-x86_64" qemu \
	"qemu-system-x86_64 is not installed*" "sudo matchlock setup linux"
fails "mount --bind $work/closed /dev/net/tun" tun-device \
	"cannot open /dev/net/tun (Permission denied)*" "sudo matchlock setup linux"
fails "mount --bind $work/closed /dev/net/tun" group-netdev "* is not in the group netdev" \
	"sudo matchlock setup user *"
fails "export MATCHLOCK_KERNEL=$work/text" kernel "$work/text is no kernel*" \
	"unset MATCHLOCK_KERNEL"
fails "export MATCHLOCK_KERNEL=$work/none" kernel "*$work/none*MATCHLOCK_KERNEL*" \
	"unset MATCHLOCK_KERNEL"
fails "mount --bind $work/empty $work/libexec/matchlock" artefacts "*image-worker*" "make install*"
fails "mount -t tmpfs -o size=64m none $home && chown $test_uid $home" disk-space \
	"* MiB are free for $home/*" "matchlock image prune --all"
fails "export MATCHLOCK_HOME=/proc/none" state "'/proc' cannot be written" "export MATCHLOCK_HOME=*"
fails "export MATCHLOCK_CACHE=/proc/none" store "'/proc' cannot be written" \
	"export MATCHLOCK_CACHE=*"
mkdir "$home/.matchlock"
echo junk >"$home/.matchlock/state.db"
chown -R "$test_uid" "$home/.matchlock"
fails true state "*state.db' is damaged*" "matchlock list"

. "$(dirname "$0")/lib/store.sh"
register broken '{}' "sha256:$(printf %064d 0)"
fails true store "images that lack layers: 1 of *broken*" "matchlock image check"
ml image check >/dev/null 2>&1
on "$whole" --json
is "$code:$(check_of store status)" "0:pass" "what it names mends it"

# --- locks against user namespaces ---
# The limit is the one of a user namespace of its own, in which all users are what they are outside.
cat >"$work/limited.py" <<'EOF'
import ctypes, os, sys
inside, outside = os.pipe(), os.pipe()
child = os.fork()
if child:
    os.read(inside[0], 1)
    for name in "uid_map", "gid_map":
        open("/proc/%d/%s" % (child, name), "w").write("0 0 4294967295")
    os.write(outside[1], b"1")
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
if ctypes.CDLL(None).unshare(0x10000000):
    sys.exit("unshare failed")
os.write(inside[1], b"1")
os.read(outside[0], 1)
open("/proc/sys/user/max_user_namespaces", "w").write("0")
os.execvp(sys.argv[1], sys.argv[1:])
EOF
fails "set -- python3 $work/limited.py \"\$@\"" user-namespaces \
	"*user.max_user_namespaces is 0*" "*sysctl -w user.max_user_namespaces=*"
is "$(check_of nf_tables status)" "warn" "... and nftables cannot be tried"
fails "mount --rbind / $work/empty && set -- chroot $work/empty \"\$@\"" user-namespaces \
	"*refused here, as in a chroot*" "run it outside of the chroot or container*"
done_testing
