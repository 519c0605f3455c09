# SPDX-License-Identifier: MIT
# A fresh Debian 12 in a root directory of its own, entered by pivot_root, so that nothing of this
# machine is changed: source after tap.sh, as root.
#
#	debian NAME [ARG...]	makes $root, with more arguments for mmdebstrap
#	in_system COMMAND...	as root in it
#	as USER COMMAND...	as that user of it, after a new login
#
# NAME.tar, and the lists and packages of its apt in NAME/, are kept in the user's cache.

debian() {
	debian_cache=${XDG_CACHE_HOME:-$HOME/.cache}/matchlock/tests
	local name=$1 tar=$debian_cache/$1.tar
	shift
	debian_apt=$debian_cache/$name
	debian_work=$(mktemp -d "${TMPDIR:-/tmp}/matchlock-test.XXXXXX")
	cleanup_fn rm -rf "$debian_work"
	root=$debian_work/root
	mkdir -p "$debian_apt/lists/partial" "$debian_apt/archives/partial" "$root"
	if [ ! -e "$tar" ]; then
		mmdebstrap --quiet --variant=minbase "$@" bookworm "$debian_work/new.tar" \
			2>"$debian_work/error" ||
			skip_all "no Debian to be had: $(tail -n 1 "$debian_work/error")"
		mv "$debian_work/new.tar" "$tar"
	fi
	tar -C "$root" -xf "$tar" || skip_all "$tar cannot be unpacked"
	rm -f "$root/dev/kvm" && mknod -m 600 "$root/dev/kvm" c 10 232
	rm -rf "$root/dev/net" "$root/etc/resolv.conf"
	cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
	cat >"$debian_work/enter" <<'END'
cd "$1" || exit 111
mount --bind . . && cd "$1" && mkdir -p old && mount -t proc proc proc &&
	mount --bind "$2/lists" var/lib/apt/lists &&
	mount --bind "$2/archives" var/cache/apt/archives &&
	pivot_root . old && umount -l /old || exit 111
shift 2
cd / && exec env -i HOME=/root LANG=C TERM=dumb DEBIAN_FRONTEND=noninteractive \
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
END
}

in_system() {
	unshare -m -p -f --kill-child sh "$debian_work/enter" "$root" "$debian_apt" "$@" </dev/null
}

as() {
	local user=$1
	shift
	in_system setpriv --reuid "$user" --regid "$user" --init-groups -- \
		env HOME="/home/$user" USER="$user" "$@"
}
