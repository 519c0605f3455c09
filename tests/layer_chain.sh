#!/bin/sh
# SPDX-License-Identifier: MIT
# One layer that takes something of those below it (a hard link into them, a directory that it only
# implies) in two images that have others below it.
. "$(dirname "$0")/lib/tap.sh"
requires docker-registry skopeo umoci htpasswd busybox
. "$(dirname "$0")/lib/matchlock.sh"
. "$(dirname "$0")/lib/registry.sh"

# The base layers: one path, other content, mode, owner and time.
base_layer() {
	mkdir -p "$work/$1/bin" "$work/$1/data"
	cp "$(command -v busybox)" "$work/$1/bin/"
	ln -s busybox "$work/$1/bin/sh"
	echo "$1" >"$work/$1/data/file"
	chmod "$2" "$work/$1/data"
	tar -C "$work/$1" --owner="owner:$3" --group=0 --mtime="@$4" -cf "$work/$1.tar" .
}
base_layer one 0711 7 1000
base_layer two 0755 8 2000
python3 - top.tar <<'END'
import sys, tarfile
with tarfile.open(sys.argv[1], "w") as tar:
    for name, kind, target in ("data/link", tarfile.LNKTYPE, "data/file"), \
                              ("data/new", tarfile.REGTYPE, ""):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        tar.addfile(info)
END
for name in one two; do
	umoci init --layout "layout-$name" && umoci new --image "layout-$name:1" &&
		umoci raw add-layer --image "layout-$name:1" "$name.tar" &&
		umoci raw add-layer --image "layout-$name:1" top.tar
	push "oci:layout-$name:1" "docker://$open/team/$name:1"
done >umoci.log 2>&1

shows='cd data && busybox cat link && busybox stat -c "%a %u %Y" . && busybox ls'
want_one="one
711 7 1000
file
link
new"
want_two="two
755 8 2000
file
link
new"
check "pull of the first" ml pull -q "$open/team/one:1"
check "pull of the second" ml pull -q "$open/team/two:1"
is "$(ls "$blobs" | wc -l)" 4 "the layer is another blob in each"
is "$(ml run --image "$open/team/one:1" -- sh -c "$shows")" "$want_one" "the first has its own"
is "$(ml run --image "$open/team/two:1" -- sh -c "$shows")" "$want_two" "so has the second"
is "$(ml image check)" "Checked 4 blobs, 0 damaged or missing" "image check knows the blobs"
ml pull --force "$open/team/one:1" >out 2>err
is "$(grep -c 'already there' err)" 2 "no layer is fetched again"

for name in one two; do
	tar -C "layout-$name" -cf - . | as_user "$ml" image import "$name" >/dev/null 2>&1
done
is "$(ls "$blobs" | wc -l)" 4 "an import of the same layers has the same blobs"
is "$(ml image rm "$open/team/one:1")" "Removed $open/team/one:1" "the pulled image goes"
as_user "$ml" image export one >export.tar 2>err
as_user "$ml" image import again <export.tar >/dev/null 2>&1
is "$(ml run --image again -- sh -c "$shows")" "$want_one" "an export has all of it"
for name in one again; do
	ml image rm "$name" >/dev/null
done
ml image gc >/dev/null 2>&1
is "$(ls "$blobs" | wc -l)" 2 "gc leaves the blobs of the other image"
is "$(ml run --image two -- sh -c "$shows")" "$want_two" "which still runs"
tar -C layout-one -cf - . | as_user "$ml" image import one >/dev/null 2>&1
is "$(ml run --image one -- sh -c "$shows")" "$want_one" "an import alone gives the first again"

ml image prune -af >/dev/null 2>&1
ml pull -q "$open/team/one:1" >out 2>&1 &
pid=$!
ml pull -q "$open/team/two:1" >err 2>&1
wait $pid
is "$(cat out err | grep -c Digest)" 2 "both at once"
is "$(ml run --image "$open/team/two:1" -- sh -c "$shows")" "$want_two" "are right too"
done_testing
