#!/bin/sh
# SPDX-License-Identifier: MIT
# Layers as tar and umoci see them: what the kernel shows of the image that we make of a layer is
# compared with what they unpack; then layers that were made to do harm.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/tree.sh"
requires fsck.erofs setfattr getfattr python3 zstd tar
[ "$(id -u)" -eq 0 ] || skip_all "mounting and making devices takes root"
grep -qw erofs /proc/filesystems || modprobe erofs 2>/dev/null || skip_all "no EROFS in this kernel"

layer=$MATCHLOCK_BUILD/tests/layer_tool
bad_tar=$(cd "$(dirname "$0")" && pwd)/lib/bad_tar.py
tmp=$(mktemp -d)
cleanup_fn rm -rf "$tmp"
cd "$tmp" || exit 1
mkdir mnt mnt2 merged l1 l2 l3
unmount_all() {
	for dir in merged mnt2 mnt l1 l2 l3; do
		! mountpoint -q "$tmp/$dir" || umount "$tmp/$dir"
	done
}
cleanup_fn unmount_all

mount_image() {
	mount -t erofs -o loop,ro "$1" "$tmp/$2"
}

# digest_of FILE: as OCI writes it.
digest_of() {
	echo "sha256:$(sha256sum <"$1" | cut -d ' ' -f 1)"
}

# bad CASE: a tar of lib/bad_tar.py.
bad() {
	python3 "$bad_tar" "$1"
}

# --- what real programs write ---

make_tree tree
rm tree/special/socket && setfattr -x trusted.overlay.opaque tree/attrs/dir

# compare NAME TAR_OPTION...: our image of the tree's tar against tar's own unpacking of it.
compare() {
	local name=$1
	shift
	tar --numeric-owner -S "$@" -C tree -cf tree.tar . 2>/dev/null
	mkdir unpacked
	tar --numeric-owner -p --same-owner --xattrs --xattrs-include='*' -C unpacked \
		-xf tree.tar 2>/dev/null
	check "$name: becomes an image" "$layer" image.erofs <tree.tar
	check "$name: fsck.erofs finds it sound" fsck.erofs image.erofs
	mount_image image.erofs mnt
	describe unpacked >want
	describe mnt >got
	check "$name: all is as tar unpacks it" diff want got
	umount mnt
	rm -rf unpacked
}
compare "GNU tar's format with holes" --format=gnu
compare "pax with attributes and holes (1.0)" --format=pax --xattrs \
	--xattrs-include='*' --sparse-version=1.0
compare "pax with a map of holes in its header (0.1)" --format=pax --xattrs \
	--xattrs-include='*' --sparse-version=0.1
compare "pax with a map of holes in its header (0.0)" --format=pax --xattrs \
	--xattrs-include='*' --sparse-version=0.0
check "of the holes the image has nothing" [ "$(stat -c %s image.erofs)" -lt 16000000 ]
check "it has files with attributes" grep -q security.capability want
check "and many entries" [ "$(wc -l <want)" -gt 4600 ]

# --- the bytes ---

"$layer" plain.erofs <tree.tar >plain.out
is "$(cut -d ' ' -f 1-2 plain.out)" "$(digest_of tree.tar) $(digest_of tree.tar)" \
	"digest and diff id of a plain tar"
gzip -c tree.tar >tree.tar.gz
is "$("$layer" gzip.erofs <tree.tar.gz | cut -d ' ' -f 1-2)" \
	"$(digest_of tree.tar.gz) $(digest_of tree.tar)" "of a gzip stream"
check "which gives the same image" cmp plain.erofs gzip.erofs
for part in 1 2 3; do
	tail -c +$((part * 3000000 - 2999999)) tree.tar | head -c 3000000 | gzip -cn
done >members.gz
tail -c +9000001 tree.tar | gzip -c >>members.gz
head -c 1000 /dev/zero >>members.gz
is "$("$layer" gzip.erofs <members.gz | cut -d ' ' -f 2)" "$(digest_of tree.tar)" \
	"a gzip stream of four members and padding"
zstd -q -c tree.tar >tree.tar.zst
is "$("$layer" zstd.erofs <tree.tar.zst | cut -d ' ' -f 1-2)" \
	"$(digest_of tree.tar.zst) $(digest_of tree.tar)" "of a zstd stream"
{
	head -c 3000000 tree.tar | zstd -q -c
	printf '\120\052\115\030\004\0\0\0skip'
	tail -c +3000001 tree.tar | zstd -q -c
} >frames.zst
is "$("$layer" zstd.erofs <frames.zst | cut -d ' ' -f 2)" "$(digest_of tree.tar)" \
	"a zstd stream of two frames and one to skip"
check "which gives the same image too" cmp plain.erofs zstd.erofs
for piece in 1 7 4097 10000000; do
	"$layer" small.erofs $piece <members.gz >small.out
	check "in pieces of $piece bytes" cmp plain.erofs small.erofs
done

# refused WANT NAME [ARG...]: the layer in the file `bad`.
refused() {
	local want=$1 name=$2
	shift 2
	like "$("$layer" refused.erofs "$@" 2>&1 <bad)" "layer_tool: $want" "refused: $name"
}
head -c 500000 tree.tar.gz >bad
refused 'entry "*": *the gzip stream ends early, after 500000 bytes' "a gzip stream that is cut"
head -c 100000 tree.tar.zst >bad
refused 'entry "*": *the zstd stream ends early, after 100000 bytes' "a zstd stream that is cut"
head -c 5000000 tree.tar >bad
refused 'entry "*": *' "a tar that is cut"
head -c 100 tree.tar >bad
refused "the layer's first entry: *" "a tar that is cut in its first header"
: >bad
refused "the layer's first entry: *" "nothing"
head -c 3 tree.tar.gz >bad
refused "the layer's first entry: *" "three bytes"
{
	head -c 200000 tree.tar.gz
	printf 'ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLM'
	tail -c +200066 tree.tar.gz
} >bad
refused 'entry "*": *' "a gzip stream with other bytes in it"
{
	head -c -8 tree.tar.gz
	printf '\1\2\3\4'
	tail -c 4 tree.tar.gz
} >bad
refused '*the gzip stream has a wrong checksum*' "a gzip stream with a wrong checksum"
{
	cat tree.tar.gz
	echo rubbish
} >bad
refused "behind the layer's last entry: the gzip stream has rubbish at byte *" \
	"a gzip stream with rubbish behind it"
{
	head -c 100000 tree.tar.zst
	printf 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
	tail -c +100027 tree.tar.zst
} >bad
refused 'entry "*": *' "a zstd stream with other bytes in it"
zstd -q --long=27 -c <tree.tar >bad
refused '*the zstd stream wants a window of more than 32 MiB' "a zstd window that takes too much"
seq 100000 >bad
refused "the layer's first entry: *" "no tar at all"

# --- tars that were made to do harm ---

while read -r case want; do
	bad "$case" | zstd -q -1 -c >bad
	refused "$want" "$case" 65536 10000000000 1000000
done <<'END'
dotdot entry "a/../../b": the path has a component '..'
through-symlink entry "a/passwd": 'a' on its path is not a directory
through-file entry "a/b": 'a' on its path is not a directory
long-name entry "d/nnn*": a name is longer than 255 bytes
long-path entry "ppp*": the path is longer than 4096 bytes
link-dotdot entry "a": the target of the hard link: the path has a component '..'
link-to-dir entry "a": a hard link to a directory
nameless-whiteout entry "d/.wh.": a whiteout of no name
whiteout-dotdot entry "d/.wh...": a whiteout of no name
owner entry "a": there is no owner 1099511627776:0
many-xattrs entry "a": more than 64 extended attributes
large-header the layer's first entry: Special header too large
huge entry "d/huge": 1099511627776 bytes are more than 128 GiB
sparse-order entry "sparse": the map of its holes is out of order
sparse-over entry "sparse": more data than its 2000000 bytes
checksum entry "first": what follows it: Damaged tar archive
many entry "same": the layer has more than 1048576 entries
names entry "0*": the layer's names and its zstd window take more than 40 MiB of memory: *
END
bad zeros | gzip -c >bad
refused 'entry "zeros": the layer inflates to more than 100 times its * bytes' "a bomb" \
	65536 100000000 100
refused 'entry "zeros": the layer is larger than the limit of 3000000 bytes' \
	"a layer over its limit" 65536 3000000 5000
bad zeros >bad
refused 'entry "zeros": the layer is larger than the limit of 3000000 bytes' \
	"the same, not compressed" 65536 3000000

# --- names and marks ---

bad plain | "$layer" plain.erofs >plain.out
mount_image plain.erofs mnt
is "$(cd mnt && find . -mindepth 1 | sort | tr '\n' ' ')" \
	"./abs ./abs/file ./d ./d/e ./d/e/f ./dot ./empty " "names lose what leads to the root"
umount mnt
bad links | "$layer" links.erofs >links.out
mount_image links.erofs mnt
is "$(cd mnt && find . -type f -printf '%p %n\n' | sort | tr '\n' ' ')" \
	"./here 2 ./made 1 ./there 2 " "hard links are made, and none that a file replaced"
umount mnt
bad overlay | "$layer" overlay.erofs >overlay.out
mount_image overlay.erofs mnt
is "$(cd mnt && find . -mindepth 1)" "./stripped" "AUFS's own files are left out"
is "$(getfattr -m - -d mnt/stripped | sed 1d | tr -d '\n')" 'trusted.kept="1"' \
	"overlayfs's own attributes and those that EROFS cannot hold are left out"
umount mnt
bad empty | "$layer" empty.erofs >empty.out
mount_image empty.erofs mnt
is "$(find mnt -mindepth 1)" "" "a layer of nothing is an empty image"
umount mnt

# --- what a layer takes from those below it ---

for case in below0 below1 above; do
	bad $case >$case.tar
done
"$layer" below0.erofs <below0.tar >below0.out
"$layer" below1.erofs 65536 100000000 2000 below0.erofs <below1.tar >below1.out
is "$("$layer" above.erofs 65536 100000000 2000 below0.erofs below1.erofs <above.tar |
	cut -d ' ' -f 4)" chained "a layer that depends on those below it"
is "$("$layer" again.erofs 65536 100000000 2000 below1.erofs <below0.tar | cut -d ' ' -f 4)" \
	alone "and one that does not"
check "fsck.erofs finds it sound" fsck.erofs above.erofs
mount_image above.erofs mnt
is "$(cat mnt/new/link) $(stat -c '%a %h' mnt/new/link)" "linked 600 5" \
	"hard links hold the content of files in lower layers"
for name in new/again new/chained later twice; do
	is "$(stat -c %i mnt/$name)" "$(stat -c %i mnt/new/link)" "links to one file are one: $name"
done
is "$(cat mnt/new/other) $(stat -c %h mnt/new/other)" "linked too 1" "another file is another"
is "$(cat mnt/taken mnt/second)" "above
above" "what the layer has itself wins"
is "$(stat -c %F mnt/stays)" "character special file" "whiteouts stay"
is "$(cd mnt && stat -c '%n %a %u:%g %Y' own own/deep own/gone opaque)" "own 1750 7:8 999
own/deep 705 10:11 0
own/gone 755 0:0 0
opaque 1755 0:0 888" "a directory that is only implied is as the uppermost layer has it"
is "$(getfattr -d --only-values -n user.own mnt/own)" 1 "with its attributes"
umount mnt

# nowhere CASE WANT NAME: a link that is refused.
nowhere() {
	like "$(bad "$1" | "$layer" refused.erofs 65536 100000000 2000 below0.erofs below1.erofs \
		2>&1)" "layer_tool: entry \"x\": $2" "$3"
}
nowhere x-gone 'the target of the hard link, "etc/gone", is in no layer' \
	"what a layer hides is not linked to"
nowhere x-opaque 'the target of the hard link, "opaque/below", is in no layer' \
	"nor what an opaque directory hides"
nowhere x-through 'the target of the hard link, "stays/x", is in no layer' "nor what is in a file"
nowhere x-dir 'a hard link to a directory' "nor a directory"

# --- a stack, as umoci unpacks it ---

bad lower >lower.tar && bad upper >upper.tar
"$layer" lower.erofs <lower.tar >lower.out
"$layer" upper.erofs 65536 100000000 2000 lower.erofs <upper.tar >upper.out
mount_image lower.erofs mnt
mount_image upper.erofs mnt2
want="./bin ./bin/stays ./etc ./etc/b ./opt ./opt/new "
if mount -t overlay -o "lowerdir=$tmp/mnt2:$tmp/mnt" overlay merged; then
	is "$(cd merged && find . -mindepth 1 | sort | tr '\n' ' ')" "$want" \
		"whiteouts and opaque directories hide what is below"
	umount merged
else
	skip "whiteouts and opaque directories hide what is below" "no overlayfs here"
fi
umount mnt mnt2
# Without the root, which overlayfs shows as the uppermost layer has it, and the number of links,
# since a link into a lower layer is a copy; and without the times of directories that umoci makes
# something in that no entry is for.
comparable() {
	describe "$1" | grep -av '^\.	d ' |
		awk -F '\t' '/^\.[^\t]*\tf / { sub(/ [0-9]+ $/, " -") }
			/^\.\/(own|opaque)(\/gone|\/sub)?\td / { sub(/ [0-9.]+$/, "") } { print }'
}

# stack NAME LAYER...: three of them, base first, are as umoci unpacks them one over the other.
stack() {
	local name=$1 tar lowers= i=0
	shift
	rm -rf oci bundle
	umoci init --layout oci && umoci new --image oci:test
	for tar; do
		umoci raw add-layer --image oci:test $tar.tar
	done >umoci.log 2>&1
	umoci unpack --image oci:test bundle >>umoci.log 2>&1 || cat umoci.log
	for tar; do
		# shellcheck disable=SC2086
		"$layer" $tar.erofs 65536 10000000000 2000 $lowers <$tar.tar >$tar.out
		lowers="$lowers $tar.erofs"
		mount_image $tar.erofs l$((i += 1))
	done
	if mount -t overlay -o "lowerdir=$tmp/l3:$tmp/l2:$tmp/l1" overlay merged; then
		comparable bundle/rootfs >want
		comparable merged >got
		check "$name show what umoci unpacks" diff want got
		umount merged
	else
		skip "$name show what umoci unpacks" "no overlayfs here"
	fi
	umount l1 l2 l3
}
if command -v umoci >/dev/null; then
	# To umoci's library an attribute without a value is none.
	setfattr -x user.root tree && setfattr -x user.empty tree/attrs/a
	tar --numeric-owner --format=pax --xattrs --xattrs-include='*' --exclude=./special/whiteout \
		-C tree -cf tree.tar . 2>/dev/null
	stack "three layers" tree lower upper
	stack "hard links and directories across layers" below0 below1 above
else
	skip "three layers show what umoci unpacks" "umoci is not installed"
fi
done_testing
