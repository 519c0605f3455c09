# SPDX-License-Identifier: MIT
# Sourced by tools/deps and tools/fetch-deb: which Debian packages the guest is made from, and
# where their files are kept between builds.

guest_packages='linux-image-cloud-amd64 busybox-static'
cache=${XDG_CACHE_HOME:-${HOME:?is not set}/.cache}/matchlock/build

# The package that holds the files: the kernel's package only depends on the one of its version.
real_package() {
	case $1 in
	linux-image-*)
		apt-cache depends "$1" 2>/dev/null |
			sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
		;;
	*) echo "$1" ;;
	esac
}

# The newest file of package $1 in the cache.
cached_deb() {
	case $1 in
	linux-image-*) pattern='linux-image-[0-9]*-cloud-amd64_*.deb' ;;
	*) pattern="$1_*.deb" ;;
	esac
	found=$(ls -t "$cache"/$pattern 2>/dev/null | head -n 1)
	[ -n "$found" ] && echo "$found"
}
