#!/bin/sh
# SPDX-License-Identifier: MIT
# An image as an OCI archive, read by skopeo and unpacked by umoci: the tree is that which overlayfs
# or the kernel shows of the layers.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/tree.sh"
requires skopeo umoci setfattr getfattr python3
[ "$(id -u)" -eq 0 ] || skip_all "mounting and making devices takes root"
grep -qw erofs /proc/filesystems || modprobe erofs 2>/dev/null || skip_all "no EROFS in this kernel"

mkerofs=$MATCHLOCK_BUILD/tools/mkerofs
stream=$MATCHLOCK_BUILD/tests/erofs_stream
merge=$MATCHLOCK_BUILD/tests/erofs_merge
export=$MATCHLOCK_BUILD/tests/image_export
tmp=$(mktemp -d)
cleanup_fn rm -rf "$tmp"
cd "$tmp" || exit 1
mkdir mnt
cleanup_fn sh -c "umount '$tmp/mnt' 2>/dev/null || :"

# A tree with all but what a tar cannot hold, sockets, or a layer's tar means otherwise.
make_tree tree
find tree -type s -delete
# To readers in Go an attribute without a value is none.
setfattr -x user.empty tree/attrs/a
rm tree/special/whiteout && setfattr -x trusted.overlay.opaque tree/attrs/dir
"$mkerofs" tree 0.erofs
"$stream" 1.erofs <<'END'
dir layered
file layered/one 1
file layered/two 1
dir opaque
file opaque/one 1
dir sizes
whiteout sizes/31
END
"$stream" 2.erofs <<'END'
dir layered
whiteout layered/one
file layered/three 2
dir opaque
file opaque/two 2
opaque opaque
symlink layered/link three
link layered/hard layered/three
sparse layered/sparse 300000 200000
whiteout deep
END
"$export" test 0.erofs 1.erofs 2.erofs >image.tar 2>errors
is "$?$(cat errors)" 0 "an image of three layers is exported"
"$export" test 0.erofs 1.erofs 2.erofs >again.tar
check "the same bytes each time" cmp image.tar again.tar
rm again.tar
check "skopeo reads it" skopeo copy --insecure-policy -q oci-archive:image.tar:test oci:layout:test
is "$(skopeo inspect --config --raw oci-archive:image.tar:test | python3 -c 'import json, sys
image = json.load(sys.stdin)
print(image["architecture"], image["os"], len(image["rootfs"]["diff_ids"]))
print(json.dumps(image["config"], sort_keys=True, ensure_ascii=False))')" \
	'amd64 linux 3
{"Cmd": ["echo \"hello\""], "Entrypoint": ["/bin/sh", "-c"], "Env": ["PATH=/bin", "GREETING=grüße"], "User": "1000:1000", "WorkingDir": "/tmp"}' \
	"with its settings"
check "umoci unpacks it" umoci unpack --image layout:test bundle
"$merge" all.erofs 0.erofs 1.erofs 2.erofs
mount -t erofs -o loop,ro all.erofs mnt
describe mnt >want
describe bundle/rootfs >got
check "names, types, modes, owners, times, links, attributes and content are the same" \
	diff want got
check "which are many" [ "$(wc -l <want)" -gt 4000 ]
umount mnt
is "$(tar -xOf image.tar index.json | python3 -c 'import json, sys
print(json.load(sys.stdin)["manifests"][0]["annotations"])')" \
	"{'org.opencontainers.image.ref.name': 'test'}" "the index names the image"

"$export" test 0.erofs 2>errors >/dev/full
like "$?$(cat errors)" "1image_export: *No space left on device" "a full disk is told"
cp 0.erofs bad.erofs && truncate -s -4096 bad.erofs
"$export" test 1.erofs bad.erofs 2>errors >bad.tar
like "$?$(cat errors)" "1image_export: layer 2 of 2: damaged EROFS image: *" "a damaged layer too"
check_fails "and there is no index" tar -xOf bad.tar index.json
done_testing
