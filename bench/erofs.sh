#!/bin/bash
# SPDX-License-Identifier: MIT
# The EROFS writer beside what does the same, in turn, seven rounds; the medians and their ratios.
#
#	memory		our writer, the tree in memory (bench/erofs.c)
#	mkerofs		our writer, walking the directory
#	mkfs.erofs	erofs-utils, walking the directory, uncompressed
#	cp		the tree as one tar, copied
#
# Everything lies in the page cache, the output in /dev/shm.  BENCH_TREE names the directory; without
# it 250 MB of the files of /usr serve.
set -eu
programs=$MATCHLOCK_BUILD
rounds=7
tmp=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)/erofs.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

# take MB FOLDER: the first files of the folder, so many megabytes of them.
take() {
	(cd / && find "$2" -type f -size -8M -readable -printf '%p\t%s\n' | LC_ALL=C sort |
		awk -F '\t' -v max="$1" '{ sum += $2; if (sum > max * 1e6) exit; print $1 }' |
		tar -cf - -T -) | tar -C "$tmp/tree" -xf -
}

tree=${BENCH_TREE:-$tmp/tree}
if [ -z "${BENCH_TREE:-}" ]; then
	mkdir "$tmp/tree"
	take 150 usr/lib/x86_64-linux-gnu
	take 100 usr/share
fi
tar -C "$tree" -cf "$tmp/tree.tar" .
echo "tree: $(find "$tree" | wc -l) entries, $(($(stat -c %s "$tmp/tree.tar") / 1000000)) MB as tar"

# timed NAME COMMAND...: appends "seconds cpu-seconds" to the file NAME.
timed() {
	local name=$1 TIMEFORMAT='%R %U %S'
	shift
	{ time "$@" >/dev/null 2>"$tmp/stderr"; } 2>"$tmp/time" || {
		cat "$tmp/stderr" >&2
		exit 1
	}
	awk '{ print $1, $2 + $3 }' "$tmp/time" >>"$tmp/$name"
}

for _ in $(seq $rounds); do
	rm -f "$tmp/out"
	"$programs/bench/erofs_bench" "$tree" "$tmp/out" >>"$tmp/memory"
	rm -f "$tmp/out"
	timed mkerofs "$programs/tools/mkerofs" "$tree" "$tmp/out"
	ours=$(stat -c %s "$tmp/out")
	rm -f "$tmp/out"
	timed mkfs.erofs mkfs.erofs "$tmp/out" "$tree"
	theirs=$(stat -c %s "$tmp/out")
	rm -f "$tmp/out"
	timed cp cp "$tmp/tree.tar" "$tmp/out"
done

# median FILE COLUMN
median() {
	awk -v c="$2" '{ print $c }' "$tmp/$1" | sort -n | sed -n "$(((rounds + 1) / 2))p"
}

size=$(stat -c %s "$tmp/tree.tar")
printf '%-11s %8s %8s %7s   %s\n' '' seconds CPU-s GB/s 'times as fast as mkfs.erofs, cp (CPU: mkfs.erofs)'
for name in memory mkerofs mkfs.erofs cp; do
	awk -v name="$name" -v size="$size" -v s="$(median $name 1)" -v cpu="$(median $name 2)" \
		-v mkfs="$(median mkfs.erofs 1)" -v mkfs_cpu="$(median mkfs.erofs 2)" \
		-v cp="$(median cp 1)" 'BEGIN {
			printf "%-11s %8.3f %8.3f %7.2f   %.2f, %.2f (%.2f)\n", name, s, cpu,
				size / s / 1e9, mkfs / s, cp / s, mkfs_cpu / cpu }'
done
awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "image: %.1f MB, %.4f of that of mkfs.erofs\n", a / 1e6, a / b }'
