#!/bin/sh
# SPDX-License-Identifier: MIT
# The EROFS reader, and layers made one with it, against the kernel: what a mounted result shows is
# compared with what overlayfs shows of the layers.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/tree.sh"
requires fsck.erofs setfattr getfattr python3
[ "$(id -u)" -eq 0 ] || skip_all "mounting and making devices takes root"
grep -qw erofs /proc/filesystems || modprobe erofs 2>/dev/null || skip_all "no EROFS in this kernel"

mkerofs=$MATCHLOCK_BUILD/tools/mkerofs
stream=$MATCHLOCK_BUILD/tests/erofs_stream
merge=$MATCHLOCK_BUILD/tests/erofs_merge
tmp=$(mktemp -d)
cleanup_fn rm -rf "$tmp"
cd "$tmp" || exit 1
unmount_all() {
	for dir in stack l0 l1 l2 l3 l4 mnt; do
		! mountpoint -q "$tmp/$dir" || umount "$tmp/$dir"
	done
}
mkdir stack l0 l1 l2 l3 l4 mnt
cleanup_fn unmount_all

# Each name is mounted once: a loop device of an earlier mount may still hold what the file was.
mount_image() {
	mount -t erofs -o loop,ro "$1" "$tmp/$2"
}

same_inode() {
	[ "$(stat -c %i "$1")" = "$(stat -c %i "$2")" ]
}

# A single layer: everything goes through reader and writer once, but for what is overlayfs's own.
make_tree tree
rm tree/special/whiteout && setfattr -x trusted.overlay.opaque tree/attrs/dir
"$mkerofs" tree tree.erofs
check "a tree with everything in it is read and written anew" "$merge" copy.erofs tree.erofs
check "fsck.erofs finds the copy sound" fsck.erofs copy.erofs
mount_image tree.erofs l0
describe l0 >want
mount_image copy.erofs mnt
describe mnt >got
check "names, types, modes, owners, times, links, attributes and content are the same" \
	diff want got
check "hard links stay one file" same_inode mnt/links/one mnt/many/three
check "holes stay holes" [ "$(stat -c %s copy.erofs)" -le "$(($(stat -c %s tree.erofs) + 65536))" ]
unmount_all
"$stream" sparse.erofs <<'END'
sparse sparse 1000000 300000
sparse huge 1100000000 1099000000
attributed attributed 60000
attributed attributed-too 60000
attributed less-attributed 500
attributed less-attributed-too 500
attributed less-attributed-three 500
END
"$merge" sparse-copy.erofs sparse.erofs
mount_image sparse.erofs l0
mount_image sparse-copy.erofs mnt
describe l0 >want
describe mnt >got
check "large attributes and large holes too" diff want got
check "in an image as small" [ "$(stat -c %s sparse-copy.erofs)" -lt 2000000 ]
unmount_all

# Layers that hide and replace each other in every way.
"$stream" 0.erofs <<'END'
dir etc
file etc/passwd root
file etc/gone 0
file etc/gone-and-back 0
dir opaque
file opaque/below 0
dir opaque/sub
file opaque/sub/below 0
dir hidden
file hidden/below 0
dir hidden-and-back
file hidden-and-back/below 0
dir becomes-file
file becomes-file/below 0
file becomes-dir 0
file stays 0
file first linked
link second first
link third first
file other linked-too
link other-second other
sparse sparse 1000000 300000
dir merged
file merged/zero 0
dir merged/deep
file merged/deep/zero 0
END
"$stream" 1.erofs <<'END'
whiteout etc/gone
whiteout etc/gone-and-back
whiteout hidden
whiteout hidden-and-back
dir opaque
file opaque/one 1
opaque opaque
file becomes-file 1
dir becomes-dir
file becomes-dir/one 1
dir merged
file merged/one 1
whiteout nothing-here
END
"$stream" 2.erofs <<'END'
file etc/gone-and-back 2
dir hidden-and-back
file hidden-and-back/two 2
whiteout first
file other 2
whiteout becomes-dir
file merged/two 2
whiteout merged/deep
symlink link stays
file opaque/two 2
END
"$stream" 3.erofs <<'END'
dir becomes-dir
file becomes-dir/three 3
dir merged/deep
file merged/deep/three 3
file third 3
dir opaque/sub
file opaque/sub/three 3
dir becomes-file
file becomes-file/three 3
END
"$stream" 4.erofs <<'END'
dir etc
opaque etc
file etc/passwd four
file stays 4
END
for i in 0 1 2 3 4; do
	mount_image $i.erofs l$i
done
check "five layers become one" "$merge" all.erofs 0.erofs 1.erofs 2.erofs 3.erofs 4.erofs
check "fsck.erofs finds it sound" fsck.erofs all.erofs
mount_image all.erofs mnt

# Without the number of links, in which overlayfs counts names that it hides.
shown() {
	describe "$1" | awk -F '\t' '/^\.[^\t]*\tf / { sub(/ [0-9]+ $/, " -") } { print }'
}
if mount -t overlay -o "ro,lowerdir=l4:l3:l2:l1:l0" overlay stack; then
	shown stack >want
	shown mnt >got
	check "what they show is what overlayfs shows" diff want got
	umount stack
	for top in 1 2 3; do
		lower= layers=
		for i in $(seq 0 $top); do
			lower=l$i${lower:+:}$lower
			layers="$layers $i.erofs"
		done
		"$merge" part$top.erofs $layers
		umount mnt
		mount_image part$top.erofs mnt
		mount -t overlay -o "ro,lowerdir=$lower" overlay stack
		shown stack >want
		shown mnt >got
		check "also of the lowest $((top + 1))" diff want got
		umount stack
	done
	upper=
	for i in 4 3 2; do upper=$upper${upper:+:}l$i; done
	umount mnt
	mount_image part1.erofs mnt
	mount -t overlay -o "ro,lowerdir=l4:l3:l2:l1:l0" overlay stack
	shown stack >want
	umount stack
	mount -t overlay -o "ro,lowerdir=$upper:mnt" overlay stack
	shown stack >got
	check "merged layers below others show what all of them do" diff want got
	umount stack
else
	skip "what they show is what overlayfs shows" "no overlayfs here"
fi
umount mnt
"$merge" hidden.erofs 0.erofs 1.erofs 2.erofs
mount_image hidden.erofs mnt
check_fails "a hard link's first name is hidden" [ -e mnt/first ]
is "$(cat mnt/second) $(stat -c %h mnt/second)" "linked 2" "its others stay"
check "and stay one file" same_inode mnt/second mnt/third
is "$(cat mnt/other-second) $(cat mnt/other)" "linked-too 2" "as when it is replaced"
is "$(find mnt -type c)" "" "no whiteout is left"
is "$(getfattr -R -d -m trusted.overlay mnt 2>/dev/null)" "" "and no opaque directory"
unmount_all

# Images that are damaged.
cp tree.erofs bad.erofs
truncate -s -4096 bad.erofs
like "$("$merge" out.erofs bad.erofs 2>&1)" "*damaged EROFS image: * blocks are more than *" \
	"an image cut short is refused"
cp tree.erofs bad.erofs
printf 'x' | dd of=bad.erofs bs=1 seek=1100 conv=notrunc status=none
like "$("$merge" out.erofs bad.erofs 2>&1)" "*damaged EROFS image: the checksum *" \
	"one with a changed superblock too"
done_testing
