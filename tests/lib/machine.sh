# SPDX-License-Identifier: MIT
# A copy of this machine that is thrown away: its files under an overlay, its own /dev, processes and
# network, and in it a user alice, new, with an empty home, who may use sudo.  Source after tap.sh, as
# root.
#
#	machine FOLDER...	makes it; what is changed in it lies in memory.  The folders are in it from
#				whatever file system, and alice gets to them
#	in_machine COMMAND...	as root in it
#	as_alice COMMAND...	as alice in it, after a new login
#
# Its /dev has no net/tun and its kvm is root's, as on a machine that was just installed.

machine() {
	machine_work=$(mktemp -d "${TMPDIR:-/tmp}/matchlock-test.XXXXXX")
	cleanup_fn rmdir "$machine_work"
	mkfifo "$machine_work/ready"
	unshare -m -n -p -f --kill-child sh -s "$machine_work" "$@" <<'END' >/dev/null 2>&1 &
cd "$1" || exit 1
exec 3>ready
mount -t tmpfs -o size=4g,mode=755 none . && cd "$1" && mkdir root || exit 1
shift
# over FOLDER N: it is in the machine, with changes of its own
over() {
	mkdir -p "upper$2" "overlay$2" "root$1" && mount -t overlay \
		-o "lowerdir=$1,upperdir=upper$2,workdir=overlay$2,metacopy=on" none "root$1" || exit 1
}
over / 0
for folder; do
	place=$(stat -c %m "$folder")
	mountpoint -q "root$place" || over "$place" $#
	shift
	while folder=$(dirname "$folder") && [ "$folder" != / ]; do chmod o+x "root$folder"; done
done
cd root
mount -t proc none proc && mount -t sysfs none sys && mount -t tmpfs -o mode=755 none run &&
	mount -t tmpfs -o mode=755 none dev || exit 1
mkdir dev/pts dev/shm
for node in null zero full random urandom tty kvm; do
	[ ! -e "/dev/$node" ] || cp -a "/dev/$node" dev/
done
[ ! -e dev/kvm ] || { chown 0:0 dev/kvm && chmod 600 dev/kvm; }
ln -s /proc/self/fd dev/fd && ln -s pts/ptmx dev/ptmx
mount -t devpts -o newinstance,ptmxmode=666 none dev/pts && mount -t tmpfs -o mode=1777 none dev/shm
mkdir -p old && pivot_root . old && umount -l /old && rmdir /old || exit 1
ip link set lo up
useradd -m -s /bin/bash alice && find /home/alice -mindepth 1 -delete &&
	echo 'alice ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/alice && echo ready >&3
exec 3>&-
while sleep 1000; do :; done # the reaper of this PID namespace
END
	cleanup_fn kill -KILL $! # unshare ignores the milder ones
	[ "$(cat "$machine_work/ready")" = ready ] || skip_all "no overlay over this machine's files"
	rm "$machine_work/ready"
	machine_init=$(pgrep -P $!)
}

in_machine() {
	nsenter -t "$machine_init" -m -n -p -- "$@"
}

as_alice() {
	in_machine setpriv --reuid alice --regid alice --init-groups -- env -i HOME=/home/alice \
		USER=alice LANG=C.UTF-8 TERM=dumb PATH=/usr/local/bin:/usr/bin:/bin "$@"
}
