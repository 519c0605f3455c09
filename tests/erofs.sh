#!/bin/sh
# SPDX-License-Identifier: MIT
# The EROFS writer against three judges: fsck.erofs, dump.erofs and the kernel, which mounts its
# images; every name, attribute and byte of a tree with everything in it is compared.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/tree.sh"
requires fsck.erofs dump.erofs setfattr getfattr
[ "$(id -u)" -eq 0 ] || skip_all "mounting and making devices takes root"
grep -qw erofs /proc/filesystems || modprobe erofs 2>/dev/null || skip_all "no EROFS in this kernel"

mkerofs=$MATCHLOCK_BUILD/tools/mkerofs
stream=$MATCHLOCK_BUILD/tests/erofs_stream
tmp=$(mktemp -d)
cleanup_fn rm -rf "$tmp"
mkdir "$tmp/mnt"
cleanup_fn sh -c "umount '$tmp/mnt' 2>/dev/null || :"
cd "$tmp" || exit 1

# Two links beyond one: a directory's are its own, its parent's and its children's.
check_directory_links() {
	(cd "$1" && find . -mindepth 1 -type d -printf '%P\t%n\t%h\n' | tr -d '\001' | awk -F '\t' '
		{ n[$1] = $2; sub(/^\.\/?/, "", $3); kids[$3]++ }
		END { for (d in n) if (n[d] != 2 + kids[d]) { print d, n[d], kids[d]; bad = 1 }; exit bad }')
}

same_inode() {
	[ "$(stat -c %i "$1")" = "$(stat -c %i "$2")" ]
}

mount_image() {
	mount -t erofs -o loop,ro "$1" "$tmp/mnt"
}

make_tree tree
check "a tree with everything in it becomes an image" "$mkerofs" tree tree.erofs
check "fsck.erofs finds it sound" fsck.erofs tree.erofs
like "$(dump.erofs -s tree.erofs)" "*sb_csum*" "dump.erofs reads it; it has a checksum"
check "the kernel mounts it" mount_image tree.erofs
describe tree >want
describe mnt >got
check "names, types, modes, owners, times, links, attributes and content are those of the tree" \
	diff want got
check "which are many" [ "$(wc -l <want)" -gt 4600 ]
check "directories count their links" check_directory_links mnt
check "hard links are one file" same_inode mnt/links/one mnt/many/three
check "it stays small where files have holes" [ "$(stat -c %s tree.erofs)" -lt 16000000 ]
check "large directories are found by name" [ -e 'mnt/many/entry number 01234' ]
check_fails "and only what is in them" [ -e 'mnt/many/entry number 03001' ]
umount mnt

"$mkerofs" tree again.erofs
check "a second run gives the same bytes" cmp tree.erofs again.erofs

# Owners that differ, made by different users.
mkdir mine && echo text >mine/file && mkdir mine/dir && ln -s file mine/link
cp -a mine theirs && chown -Rh nobody theirs
"$mkerofs" --owner-root --mtime 1700000000 mine mine.erofs
chmod 755 . && touch theirs.erofs && chown nobody theirs.erofs
check "an ordinary user makes an image" \
	setpriv --reuid nobody --clear-groups "$mkerofs" --owner-root --mtime 1700000000 theirs \
	theirs.erofs
check "with --owner-root it is that of root" cmp mine.erofs theirs.erofs
mount_image theirs.erofs
is "$(stat -c '%u:%g %Y' mnt/dir)" "0:0 1700000000" "with root's owner and the time asked for"
umount mnt

check_fails "a tree that does not exist" "$mkerofs" nothing out.erofs
check_fails "leaves no image" [ -e out.erofs ]

mkdir small && mount -t tmpfs -o size=256k none small && cleanup_fn umount "$tmp/small"
like "$("$mkerofs" tree small/out.erofs 2>&1)" "mkerofs: *: write the image: No space left on device" \
	"a full disk is told"
check_fails "and leaves no image" [ -e small/out.erofs ]

# What only a stream can say.
"$stream" stream.erofs <<'END'
file implied/parents/file text
file twice first
file twice second-one
file becomes-dir text
dir becomes-dir
file becomes-dir/inside text
dir becomes-file
file becomes-file/lost text
file becomes-file/deep/lost text
file becomes-file text
dir stays
file stays/kept text
dir stays
file first shared
link second first
file first replaced
link third second
link third third
whiteout gone
whiteout back
file back text
file here text
whiteout here
whiteout newdir
file newdir/file text
dir olddir
whiteout olddir
opaque opaque/early
dir opaque/early
dir opaque/late
opaque opaque/late
opaque .
sparse sparse 1000000 300000
sparse zeros-then-text 200000 199990
sparse text-then-zeros 200000 0
sparse huge 6000000000 5000000000
symlink link target
attributed attributed 60000
attributed attributed-too 60000
attributed less-attributed 500
attributed less-attributed-too 500
END
check "a stream with replacements is sound" fsck.erofs stream.erofs
mount_image stream.erofs
is "$(stat -c '%a %u:%g %Y' mnt/implied/parents)" "755 0:0 1000000000" "parents are implied"
is "$(cat mnt/twice)" "second-one" "an entry given again replaces the earlier"
is "$(cat mnt/becomes-dir/inside)" "text" "a directory replaces a file"
is "$(cat mnt/becomes-file)" "text" "a file replaces a directory"
is "$(cat mnt/stays/kept)" "text" "a directory given again keeps what is in it"
is "$(cat mnt/first) $(cat mnt/second)" "replaced shared" "a hard link outlives the first name"
is "$(stat -c %h mnt/first mnt/second mnt/third | tr '\n' ' ')" "1 2 2 " \
	"links are counted after a replacement"
is "$(stat -c '%F %t:%T' mnt/gone)" "character special file 0:0" "a whiteout is a device 0:0"
is "$(cat mnt/back mnt/here | tr '\n' ' ')" "texttext" "a file of the same image wins over one"
opaque() {
	[ "$(getfattr --only-values -n trusted.overlay.opaque "$1" 2>/dev/null)" = y ]
}
check "a directory in the place of a whiteout is opaque" opaque mnt/newdir
check "a directory that is whited out later too" opaque mnt/olddir
check "opaque before the entry of the directory" opaque mnt/opaque/early
check "opaque after it" opaque mnt/opaque/late
check "opaque root" opaque mnt
is "$(getfattr --only-values -n user.kind mnt/opaque/late)" "dir" "other attributes stay"
check_fails "other directories are not opaque" opaque mnt/stays
is "$(stat -c %s mnt/sparse) $(tr -d '\0' <mnt/sparse)" "1000000 here" "text between two holes"
is "$(tail -c +199991 mnt/zeros-then-text | head -n 1)" "here" "text behind a hole"
is "$(head -c 5 mnt/text-then-zeros) $(stat -c %s mnt/text-then-zeros)" "here 200000" \
	"text before a hole"
is "$(stat -c %s mnt/huge) $(tail -c +5000000001 mnt/huge | head -n 1)" "6000000000 here" \
	"text in a file of 6 GB"
check "of which the holes occupy nothing" [ "$(stat -c %s stream.erofs)" -lt 2000000 ]
value_of() {
	echo "$(getfattr --only-values -n trusted.x "$1" | tr -d v) $(getfattr --only-values \
		-n trusted.y "$1" | wc -c) $(cat "$1")"
}
is "$(value_of mnt/attributed) $(value_of mnt/attributed-too)" " 60000 text  60000 text" \
	"attributes larger than a block"
is "$(value_of mnt/less-attributed) $(value_of mnt/less-attributed-too)" " 500 text  500 text" \
	"attributes that inodes share"
umount mnt

# As layers in an overlay.
mkdir lower merged && mkdir lower/newdir lower/opaque lower/opaque/late lower/stays
touch lower/gone lower/newdir/old lower/opaque/late/old lower/stays/old lower/root-is-opaque
cat >overlay.script <<'END'
whiteout gone
whiteout newdir
file newdir/new text
dir stays
dir opaque/late
opaque opaque/late
END
"$stream" overlay.erofs <overlay.script
mount_image overlay.erofs
cleanup_fn sh -c "umount '$tmp/merged' 2>/dev/null || :"
if mount -t overlay -o "lowerdir=$tmp/mnt:$tmp/lower" overlay merged; then
	is "$(cd merged && find . -mindepth 1 | sort | tr '\n' ' ')" \
		"./newdir ./newdir/new ./opaque ./opaque/late ./root-is-opaque ./stays ./stays/old " \
		"overlayfs hides what whiteouts and opaque directories hide"
	umount merged
else
	skip "overlayfs hides what whiteouts and opaque directories hide" "no overlayfs here"
fi
umount mnt

# refused SCRIPT WANT NAME
refused() {
	is "$(printf '%b\n' "$1" | "$stream" bad.erofs 2>&1)" "erofs_stream: $2" "$3"
}
refused 'file a/../b x' "entry \"a/../b\": the path has a component '..'" "'..' in a path"
refused 'file /a x' 'entry "/a": the path is absolute' "an absolute path"
refused 'file a//b x' 'entry "a//b": the path has an empty component' "an empty component"
refused 'symlink a b\nfile a/b x' \
	"entry \"a/b\": 'a' on its path is not a directory" "a path through a symbolic link"
refused 'link a b' \
	'entry "a": the target of the hard link: it is not in this tree' "a link to nothing"
done_testing
