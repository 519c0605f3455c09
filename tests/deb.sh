#!/bin/sh
# SPDX-License-Identifier: MIT
# The Debian package: built from the source tree, judged by lintian, installed with what it depends
# on in a fresh Debian 12, used by an ordinary user, and removed.  MATCHLOCK_DEB names one that is
# built already.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/debian.sh"
requires mmdebstrap unshare pivot_root dpkg-buildpackage dh lintian
[ -n "${MATCHLOCK_SOAK:-}${MATCHLOCK_DEB:-}" ] || skip_all "takes minutes: make soak runs it"
[ "$(id -u)" -eq 0 ] || skip_all "only root can set up a system"
source=$(realpath "$(dirname "$0")/..")
debian debian-12-fresh
in_system apt-get -qq update >/dev/null 2>&1 || skip_all "apt cannot fetch Debian's lists"

package=${MATCHLOCK_DEB:-}
if [ -z "$package" ]; then
	check "the package is built" "$source/tools/deb" "$debian_work/built"
	package=$(ls "$debian_work"/built/matchlock_*.deb) || done_testing
fi
version=$(sed -n "s/^  version: '\(.*\)',/\1/p" "$source/meson.build")
is "$(dpkg-deb -f "$package" Version)" "$version" "its version is the program's"
is "$(lintian --allow-root --fail-on none "$package" 2>&1)" "" "lintian has nothing to say"

# Its packages are kept, so that they are fetched once.
apt() {
	in_system apt-get -qq -y -o APT::Keep-Downloaded-Packages=true -o Dpkg::Use-Pty=0 \
		--no-install-recommends "$@"
}
cp "$package" "$root/root/matchlock.deb"
chroot "$root" useradd -m alice
before=$(cd "$root" && find usr -path '*matchlock*')
check "it installs on a fresh Debian, with what it needs" apt install /root/matchlock.deb
is "$(as alice matchlock version | cut -d ' ' -f 1-2)" "matchlock $version" "it runs there"
is "$(in_system dpkg --verify matchlock 2>&1 | grep -v '/usr/share/\(man\|doc\)')" "" \
	"all its files are as they were built"
check "the empty disk takes no room" test "$(stat -c %b "$root/usr/lib/matchlock/upper.ext4")" -lt 2048
is "$(stat -c %s "$root/usr/lib/matchlock/upper.ext4")" $((5 * 1024 * 1024 * 1024)) "... and is whole"
out=$(as alice matchlock run --no-network --image matchlock/base -- sh -c 'echo from a VM; exit 7' \
	2>"$debian_work/error")
is "$?:$out:$(cat "$debian_work/error")" "7:from a VM:" "an ordinary user runs a VM"

for place in bash-completion/completions/matchlock zsh/vendor-completions/_matchlock \
	fish/vendor_completions.d/matchlock.fish doc/matchlock/copyright; do
	[ -s "$root/usr/share/$place" ] || echo "$place"
done >"$debian_work/missing"
is "$(cat "$debian_work/missing")" "" "completions and documents are where Debian looks for them"
check "it can be installed again" apt --reinstall install /root/matchlock.deb
check "... and its disk is still there" test -s "$root/usr/lib/matchlock/upper.ext4"
check "it can be removed" apt remove matchlock
is "$(cd "$root" && find usr -path '*matchlock*')" "$before" "... and leaves nothing"
done_testing
