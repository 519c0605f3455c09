#!/bin/sh
# SPDX-License-Identifier: MIT
# `matchlock setup` on a fresh Debian 12 with root and two plain users: a root directory of its own,
# entered by pivot_root, so that nothing of this machine is changed.  Its packages come from the
# distribution once and are kept in the user's cache.
. "$(dirname "$0")/lib/tap.sh"
requires mmdebstrap unshare pivot_root
[ "$(id -u)" -eq 0 ] || skip_all "only root can set up a system"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/matchlock/tests
work=$(mktemp -d "${TMPDIR:-/tmp}/matchlock-test.XXXXXX")
cleanup_fn rm -rf "$work"
root=$work/root
tar=$cache/debian-12.tar
mkdir -p "$cache/lists/partial" "$cache/archives/partial" "$root"
if [ ! -e "$tar" ]; then
	mmdebstrap --quiet --variant=minbase --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--include=libuv1,libjansson4,libsqlite3-0,libseccomp2,libssl3,libcurl4 \
		--include=libarchive13,libisal2,libzstd1,libmnl0,systemd,udev,kmod \
		bookworm "$work/new.tar" 2>"$work/error" ||
		skip_all "no Debian to be had: $(tail -n 1 "$work/error")"
	mv "$work/new.tar" "$tar"
fi
tar -C "$root" -xf "$tar" || skip_all "$tar cannot be unpacked"
cp -rL --sparse=always "$MATCHLOCK_BUILD/bin" "$MATCHLOCK_BUILD/lib" "$MATCHLOCK_BUILD/libexec" \
	"$root/usr/local/" 2>/dev/null
rm -f "$root/dev/kvm" && mknod -m 600 "$root/dev/kvm" c 10 232
rm -rf "$root/dev/net"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
for user in alice bob; do
	chroot "$root" useradd -m "$user"
done

# in_system COMMAND...: as root in that system.
cat >"$work/enter" <<'EOF'
cd "$1" || exit 111
mount --bind . . && cd "$1" && mkdir -p old && mount -t proc proc proc &&
	mount --bind "$2/lists" var/lib/apt/lists && mount --bind "$2/archives" var/cache/apt/archives &&
	pivot_root . old && umount -l /old || exit 111
shift 2
cd / && exec env -i HOME=/root LANG=C TERM=dumb \
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
EOF
in_system() {
	unshare -m -p -f --kill-child sh "$work/enter" "$root" "$cache" "$@" </dev/null
}

# as USER COMMAND...: after a new login.
as() {
	local user=$1
	shift
	in_system setpriv --reuid "$user" --regid "$user" --init-groups -- \
		env HOME="/home/$user" USER="$user" "$@"
}

# call COMMAND...: one of the two above; $out, $error and $code are what it gave.
call() {
	code=0
	out=$("$@" 2>"$work/error") || code=$?
	error=$(cat "$work/error")
}

# What set-up may change.
system_state() {
	(cd "$root" && find etc usr/bin usr/sbin usr/local dev -printf '%p %y %m %U:%G %l %s\n' | sort &&
		find etc -type f -print0 | sort -z | xargs -0 cat | sha256sum)
}

fails_with() {
	local want=$1 name=$2
	shift 2
	call "$@"
	is "$code:$out:$error" "1::$want" "$name"
}

# --- who may ---
fails_with "this command requires root privileges. Run with: sudo matchlock setup linux" \
	"setup linux needs root" as alice matchlock setup linux
fails_with "this command requires root privileges. Run with: sudo matchlock setup user <name>" \
	"setup user needs root" as alice matchlock setup user alice
fails_with "setup linux: could not determine user: unknown user nobody-here" \
	"an unknown user is refused before anything is done" \
	in_system matchlock setup linux --user nobody-here
fails_with "could not determine user: unknown user nobody-here" "... by setup user too" \
	in_system matchlock setup user nobody-here

# --- before ---
before=$(system_state)
call as alice matchlock diagnose
is "$code" 1 "a fresh system fails the diagnosis"
like "$out" "*✗ qemu: *  fix: sudo matchlock setup linux*✗ tun-device: *" "... which says what to do"
call as alice matchlock setup linux --dry-run
is "$code:$error" "0:" "a dry run needs no root"
is "$(echo "$out" | grep -v '^✓')" "would run groupadd --system netdev
would run apt-get -qq update
would run apt-get -qq -y --no-install-recommends install qemu-system-x86
would make /dev/net/tun
would give /dev/net/tun to root:netdev, mode 0660
would give /dev/kvm to root:kvm, mode 0660
would write /etc/udev/rules.d/99-matchlock.rules
would write /etc/tmpfiles.d/matchlock.conf
would run usermod -aG kvm alice
would run usermod -aG netdev alice

Nothing was changed." "... says every act"
in_system matchlock setup linux --user alice --dry-run >/dev/null
is "$(system_state)" "$before" "... and changes nothing, as root neither"

# --- one step at a time ---
call in_system matchlock setup linux --user bob --binary /usr/local/bin/matchlock \
	--install-dir /usr/local/bin --skip-firecracker --skip-permissions --skip-network
is "$code:$error" "0:" "every flag of the guide in one line"
is "$(in_system id -nG bob | tr ' ' '\n' | sort | tr '\n' ' ')" "bob kvm netdev " \
	"... only the user's groups are left to do"
is "$(ls "$root/usr/bin" | grep -c qemu):$(ls "$root/dev/net" 2>/dev/null)" "0:" \
	"... QEMU and devices are not touched"
mkdir "$root/dev/net" && touch "$root/dev/net/tun"
call in_system matchlock setup linux --user bob --skip-vmm
is "$code:$error" "1:setup linux: setup step permissions: '/dev/net/tun' is another file: remove it" \
	"a step that fails is named"
call in_system matchlock setup linux --user bob --skip-vmm --best-effort
is "$code:$error" "0:" "--best-effort goes on"
like "$out" "*⚠ permissions failed: '/dev/net/tun' is another file: remove it*Setup complete!*" \
	"... and says what it could not do"
rm -r "$root/dev/net"

# --- the whole of it ---
call in_system env SUDO_USER=alice matchlock setup linux
is "$code:$error" "0:" "setup linux, for the user who called sudo"
like "$out" "*→ run apt-get -qq -y --no-install-recommends install qemu-system-x86*
✓ /usr/local/bin/matchlock needs no capabilities: nothing is changed
*IP forwarding is not needed: no sysctl is changed
✓ each sandbox has a firewall of its own: no rule of the host is changed
*Setup complete!
alice must log out and back in for the groups (kvm, netdev) to take effect*" "... says what it does"
check "QEMU is there" in_system qemu-system-x86_64 --version
is "$(in_system stat -c '%n %F %t:%T %U:%G %a' /dev/net/tun /dev/kvm)" \
	"/dev/net/tun character special file a:c8 root:netdev 660
/dev/kvm character special file a:e8 root:kvm 660" "the devices belong to their groups"
is "$(in_system id -nG alice | tr ' ' '\n' | sort | tr '\n' ' ')" "alice kvm netdev " \
	"the user is in them"
is "$(in_system getcap -r /usr/local/bin 2>&1)$(ls "$root/etc/sysctl.d" | grep matchlock)" "" \
	"no capability, no sysctl"
after=$(system_state)
call in_system matchlock setup linux --user alice
is "$code:$error:$(echo "$out" | grep -c '^→')" "0::0" "a second run finds everything done"
is "$(system_state)" "$after" "... and changes nothing"

# --- as the user ---
call as alice matchlock diagnose
is "$code:$error:$(echo "$out" | grep '^✗')" "0::" "then the diagnosis is sound"
call as alice matchlock run --image matchlock/base -- sh -c 'echo from a VM: $(id -u); exit 7'
is "$code:$out:$error" "7:from a VM: 0:" "and the user runs a VM"
call in_system setpriv --reuid alice --regid alice --clear-groups -- env HOME=/home/alice USER=alice \
	matchlock diagnose
is "$code" 1 "a session of before the set-up has not got the groups yet"
like "$out" "*✗ group-netdev: alice is in the group netdev, but this session is not
  fix: log out and back in, or: newgrp netdev*" "... which the diagnosis tells"

# --- the next boot makes /dev anew ---
rm -r "$root/dev/net"
chown 0:0 "$root/dev/kvm" && chmod 600 "$root/dev/kvm"
check "systemd-tmpfiles takes our file" in_system systemd-tmpfiles --create \
	/etc/tmpfiles.d/matchlock.conf
is "$(in_system stat -c '%n %t:%T %U:%G %a' /dev/net/tun /dev/kvm)" "/dev/net/tun a:c8 root:netdev 660
/dev/kvm a:e8 root:kvm 660" "... and the devices are as they were"
rule=$(in_system sh -c 'mount -t sysfs sysfs /sys &&
	udevadm test --action=add /sys/devices/virtual/misc/tun 2>&1; umount /sys')
like "$rule" "*99-matchlock.rules:* GROUP *99-matchlock.rules:* MODE 0660*" \
	"udev takes our rule for the device"

# --- hosts of another kind ---
chmod 666 "$root/dev/net/tun" "$root/dev/kvm"
call in_system matchlock setup linux --user alice
is "$code:$(stat -c %a "$root/dev/net/tun" "$root/dev/kvm" | tr '\n' ' ')" "0:666 666 " \
	"a device that is open to all stays so"
like "$out" "*✓ /dev/net/tun: every user may open it*" "... which is told"
is "$(grep -c 'tun\|kvm' "$root/etc/udev/rules.d/99-matchlock.rules" \
	"$root/etc/tmpfiles.d/matchlock.conf" | sed 's/.*://' | tr '\n' ' ')" "0 0 " "... and nothing is written down for the next boot"
call in_system sh -c 'mount --bind /dev/null /usr/bin/apt-get && matchlock setup linux --user alice \
	--skip-permissions --skip-network && mount --bind /dev/null /usr/bin/qemu-system-x86_64 &&
	ln -s /bin/true /usr/local/bin/dnf && matchlock setup linux --dry-run --skip-permissions \
	--skip-network | grep dnf; rm /usr/local/bin/dnf; matchlock setup linux --user alice'
like "$out" "*would run dnf -q -y install qemu-system-x86-core*" "where there is dnf, it is dnf"
is "$code:$error" "1:setup linux: setup step vmm: no package manager that is known here (apt-get, \
dnf, zypper, pacman): install qemu-system-x86_64 and mke2fs by hand" "no package manager: said so"

# AppArmor of Ubuntu 24.04, as far as a kernel without it can show.
call in_system sh -c 'mount -t tmpfs none /proc/sys/kernel &&
	echo 1 >/proc/sys/kernel/apparmor_restrict_unprivileged_userns &&
	printf "#!/bin/sh\necho \"\$@\" >/root/parsed\n" >/usr/local/sbin/apparmor_parser &&
	chmod +x /usr/local/sbin/apparmor_parser && matchlock setup linux --user alice --skip-vmm'
is "$code:$error:$(cat "$root/root/parsed")" "0::-r /etc/apparmor.d/matchlock" \
	"where AppArmor restricts user namespaces, a profile is loaded"
is "$(grep -A2 '^profile' "$root/etc/apparmor.d/matchlock" 2>/dev/null)" \
	"profile matchlock /usr/local/bin/matchlock flags=(unconfined) {
  userns,
}" "... which permits the program them"

# --- setup user ---
chroot "$root" useradd -m carol
call in_system matchlock setup user carol
is "$code:$error:$(in_system id -nG carol | tr ' ' '\n' | sort | tr '\n' ' ')" \
	"0::carol kvm netdev " "setup user puts a user into the groups"
call in_system matchlock setup user carol
like "$out" "✓ carol is in the group kvm
✓ carol is in the group netdev*" "... and finds it done the second time"
done_testing
