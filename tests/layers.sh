#!/bin/sh
# SPDX-License-Identifier: MIT
# An image of more layers than a VM has disks: the lowest are merged into one blob, once.
. "$(dirname "$0")/lib/tap.sh"
requires qemu-system-x86_64 sqlite3
. "$(dirname "$0")/lib/matchlock.sh"
. "$(dirname "$0")/lib/store.sh"
export MATCHLOCK_TEMPLATE_BUILD=0 # which would hold blobs, and make the merged one

# Layer n of 1 to 29 adds a file, overwrites the one they all have, and takes away one of the layer
# three below.
cp "$work/lib/matchlock/base.erofs" layer.erofs
keep_layer layer.erofs >digests
for n in $(seq 1 29); do
	{
		echo "dir layers"
		echo "file layers/$n text of $n"
		echo "file layers/newest $n"
		[ $n -le 3 ] || echo "whiteout layers/$((n - 3))"
		[ $n -ne 2 ] || echo "file layers/twin one file"
		[ $n -ne 2 ] || echo "link layers/twin-too layers/twin"
	} | stream_layer
done >>digests
register deep '{"Cmd":["sh"]}' $(cat digests)

in_deep='cd /layers && ls | sort | tr "\n" " " && head newest 29 twin-too && echo &&
	stat -c %h twin twin-too | tr "\n" " " && ls -ld /layers | cut -c 1-10'
want='27 28 29 newest twin twin-too ==> newest <==
29
==> 29 <==
text of 29
==> twin-too <==
one file
2 2 drwx------'
merged=$store/blobs/sha256_$({
	echo matchlock-squash-v1
	head -n 11 digests
} | sha256sum | cut -d ' ' -f 1).erofs
is "$(ml run --image deep -- sh -c "$in_deep" 2>&1)" "$want" "an image of 30 layers runs"
check "its lowest 11 layers are merged, under the name of the squash rule" [ -s "$merged" ]
is "$(ls "$store/blobs" | wc -l)" 31 "that is the only new file"
before=$(stat -c '%i %y' "$merged")
is "$(ml run --image deep -- cat /layers/newest)" 29 "it runs again"
is "$(stat -c '%i %y' "$merged")" "$before" "from the same merged blob"

rm "$merged"
for i in 1 2 3; do
	ml run --image deep -- cat /layers/newest >out.$i 2>&1 &
	eval "pid$i=\$!"
done
wait $pid1 $pid2 $pid3
is "$(cat out.1 out.2 out.3)" 292929 "three at once make it together"
is "$(ls "$store/blobs" | wc -l)" 31 "and leave nothing else"

rm "$merged"
printf garbage >"$merged.tmp"
[ "$(id -u)" -ne 0 ] || chown "$test_uid:$test_uid" "$merged.tmp"
is "$(ml run --image deep -- cat /layers/newest)" 29 "what a killed run left is no obstacle"
check_fails "and goes away" [ -e "$merged.tmp" ]

rm "$merged"
damaged=$store/blobs/$(sed -n 5p digests | tr : _).erofs
cp "$damaged" sound
printf 'x' | dd of="$damaged" bs=1 seek=1100 conv=notrunc status=none
like "$(ml run --image deep -- true 2>&1)" \
	"*merge 11 layers: layer 5 of 11: damaged EROFS image: the checksum *" \
	"a damaged layer is told"
check_fails "and nothing is made of it" sh -c "ls '$merged'*"
cp sound "$damaged"
is "$(ml run --image deep -- cat /layers/newest)" 29 "once it is mended the image runs"

ml run --image deep -- sh -c 'echo up; sleep 10' >up 2>&1 &
pid=$!
for i in $(seq 600); do
	[ ! -s up ] || break
	sleep 0.1
done
is "$(ml image gc)" "Removed 0 unreferenced blobs" "gc leaves what a VM runs on"
check "the merged blob too" [ -s "$merged" ]
wait $pid
is "$(ml image gc)" "Removed 1 unreferenced blobs" "and takes it once the VM has ended"
check_fails "for no image names it" [ -e "$merged" ]
leaves_nothing "afterwards"
done_testing
