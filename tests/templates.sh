#!/bin/sh
# SPDX-License-Identifier: MIT
# Templates as files: when they are made and used, what a change or a damage does to them, who may
# touch them, how they are listed and removed.  tests/clones.sh looks at what starts from them.
. "$(dirname "$0")/lib/tap.sh"
requires qemu-system-x86_64 jq sqlite3
. "$(dirname "$0")/lib/matchlock.sh"
. "$(dirname "$0")/lib/store.sh"

folder=$home/.cache/matchlock/templates

# rows FILTER: what `template ls` tells, through jq.
rows() {
	ml template ls --json | jq -r "$1"
}

# built COUNT: waits until no template is being made; whether there are so many.
built() {
	local deadline
	deadline=$(($(date +%s) + 60))
	while [ -n "$(pgrep -f "^$ml template create")" ] && [ "$(date +%s)" -le "$deadline" ]; do
		timeout 0.2 tail -f /dev/null
	done
	[ "$(rows length)" = "$1" ]
}

# key IMAGE: of its template; without an image of the generic one.  Of the usual size.
key() {
	rows ".[] | select((.image // \"\") == \"$1\" and .memory_mb == 512) | .key"
}

# drafts: what lies in the folder and has no name of its own.
drafts() {
	find "$folder" -mindepth 1 -maxdepth 1 -name '.*'
}

create() {
	ml template create "$@" matchlock/base
}

# without_builds ARG...: what a run starts from when it may make no template.
without_builds() {
	MATCHLOCK_TEMPLATE_BUILD=0 level "$@"
}

# --- made when first needed ---

is "$(ml template ls --json)" "[]" "at first there is none"
is "$(level --no-template-build -- true)" "cold boot" "--no-template-build: the first run boots"
is "$(without_builds -- true)" "cold boot" "so does it with MATCHLOCK_TEMPLATE_BUILD=0"
is "$(rows length)" 0 "and none is made"
MATCHLOCK_TEMPLATE_BUILD=maybe base -- true 2>"$work/err"
like "$(cat "$work/err")" '*MATCHLOCK_TEMPLATE_BUILD*' "a wrong value of it is refused by name"

# Several first runs at once: one makes the generic template, the others wait for it.
for i in 1 2 3 4; do
	base --timings=json -- echo "$i" >"$work/out$i" 2>"$work/err$i" &
done
wait
is "$(cat "$work/out1" "$work/out2" "$work/out3" "$work/out4" | tr '\n' ' ')" "1 2 3 4 " \
	"four first runs at once"
is "$(for i in 1 2 3 4; do level_of "$work/err$i"; done | sort -u)" "generic template" \
	"all of them start from the generic template"
check "then there is one generic template and one of the image" built 2
is "$(drafts)" "" "and nothing half made"
is "$(rows '[.[].image] | sort | map(. // "none") | join(" ")')" "none matchlock/base" \
	"template ls tells which is which"
is "$(level -- true)" "image template" "the next run starts from the image's template"
is "$(level --no-template -- true)" "cold boot" "--no-template boots"
out=$(base --timings -- true 2>&1)
like "$out" '*guest ready*guest: *command ended*started by: image template*' \
	"--timings shows the steps of host and guest"
out=$(MATCHLOCK_TIMINGS=1 base -- true 2>&1)
like "$out" '*STEP*' "MATCHLOCK_TIMINGS=1 does it too"
is "$(base --timings=json -- sh -c 'exit 3' 2>&1 | jq '[.steps[] | select(.guest | not) | .at_ms] |
	. == sort and length > 5')" true "--timings=json: the times rise"
is "$(stat -c '%a %U' "$folder/$(key matchlock/base)/ram")" "400 $(stat -c %U "$home")" \
	"a template is its user's to read only"

# --- other flags ---

flags='--cpus 2 --memory 333 --disk-size 77'
is "$(without_builds $flags -- true)" "cold boot" "another memory size is another template"
is "$(without_builds --disk-size 77 -- true)" "generic template" \
	"another disk size is another template of the image"
is "$(create $flags)" "Created" "template create makes both"
is "$(create $flags)" "Already there" "and only once"
is "$(without_builds $flags -- true)" "image template" "they are used"
out=$(MATCHLOCK_TEMPLATE_BUILD=0 base $flags -- sh -c 'nproc; free -m | sed -n 2p; df -m / | tail -1')
like "$out" '2
*Mem:*2[0-9][0-9] *
overlay*[5-7][0-9] *' "with its CPUs, memory and disk"
is "$(rows '[.[] | select(.memory_mb == 333 and .cpus == 2)] | length')" 2 \
	"template ls shows CPUs and memory"

# --- rm ---

like "$(ml template rm 0000000000000000 2>&1)" '*not found*' "rm: no such key"
check_fails "rm wants a key" ml template rm
shorter=$(rows '[.[] | select(.memory_mb == 333)][0].key' | cut -c 1-12)
like "$(ml template rm "$shorter")" "Removed $shorter*" "rm takes the beginning of a key"
is "$(rows length)" 3 "and removes one"

# --- damage: the template is dropped, the run goes one level lower ---

# damaged FILE COMMAND...: does it to that file of the image's template, and runs.
damaged() {
	local file=$1 name=$2 victim out
	shift 2
	create --quiet
	victim=$folder/$(key matchlock/base)
	chmod 600 "$victim/$file"
	"$@" "$victim/$file"
	out=$(MATCHLOCK_TEMPLATE_BUILD=0 base --timings=json -- sh -c 'echo a >/file; sync; cat /file' \
		2>"$work/err")
	is "$out" a "$name: the run works"
	is "$(level_of "$work/err")" "generic template" "and starts from the generic template"
	is "$(key matchlock/base)" "" "and the template is dropped"
}
empty() {
	truncate -s 0 "$1"
}
halve() {
	truncate -s $(($(stat -c %s "$1") / 2)) "$1"
}
garble() {
	dd if=/dev/urandom of="$1" bs=64k count=1 conv=notrunc status=none
}
# As a disk that fails does it: no time of change tells.
rot() {
	touch -r "$1" "$work/before"
	garble "$1"
	touch -r "$work/before" "$1"
}
# The guest's kernel.
rot_kernel() {
	touch -r "$1" "$work/before"
	dd if=/dev/urandom of="$1" bs=1M seek=16 count=4 conv=notrunc status=none
	touch -r "$work/before" "$1"
}
for file in ram state upper.ext4 about.json; do
	damaged $file "an empty $file" empty
done
damaged ram "half of the RAM" halve
damaged upper.ext4 "a garbled disk" garble
damaged state "a state that rotted" rot
damaged ram "a kernel that rotted" rot_kernel
damaged about.json "a garbled about.json" garble
damaged ram "no RAM" rm
generic=$folder/$(key '')
chmod 600 "$generic/state"
garble "$generic/state"
is "$(without_builds -- true)" "cold boot" "a damaged generic template: the run boots"
is "$(key '')" "" "and the template is dropped"

# --- others ---

create --quiet
victim=$folder/$(key matchlock/base)
chmod 777 "$victim"
is "$(without_builds -- true)" "generic template" "one that others may write to is not used"
chmod 700 "$victim"
chmod 666 "$victim/ram"
is "$(without_builds -- true)" "generic template" "nor one with such a file"
chmod 400 "$victim/ram"
is "$(without_builds -- true)" "image template" "(it is whole again)"
if [ "$(id -u)" -eq 0 ]; then
	chown 0 "$victim/state"
	is "$(without_builds -- true)" "generic template" "nor one with a file of another user"
	chown "$test_uid" "$victim/state"
fi

# --- prune ---

touch -d '2 hours ago' "$folder/$(key '')/about.json"
check "prune within the limit" ml template prune
is "$(key '' | wc -c)" 33 "leaves them"
touch -d '1 hour ago' "$folder/$(key matchlock/base)/about.json"
level -- true >/dev/null
is "$(rows '.[0].image')" matchlock/base "a use is noted"
size=$(rows '.[0].size')
like "$(ml template prune --keep $((size / 1048576 + 1)))" '*Freed: *' "prune to the size of one"
is "$(rows '.[].image')" matchlock/base "leaves the last used"
# Of a builder that is killed nothing lasts.
create --quiet --memory 200 2>/dev/null &
until [ -n "$(drafts)" ]; do timeout 0.1 tail -f /dev/null; done
is "$(rows '[.[] | select(.state == "building")] | length')" 1 "template ls shows that one is made"
pkill -9 -f "^$ml template create"
wait
check "prune after a builder was killed" ml template prune
is "$(drafts)" "" "removes what it left"
is "$(ml template rm --all | wc -l):$(rows length)" 1:0 "rm --all"

# --- a cache that cannot be written ---

as_user chmod 555 "$folder"
is "$(level -- true)" "cold boot" "templates cannot be written: the run boots"
as_user chmod 700 "$folder"
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
	is "$(unshare -m sh -c 'mount -t tmpfs -o size=20m,mode=777 none "$1" && shift && exec "$@"' - \
		"$folder" $drop env HOME="$home" "$ml" run --image matchlock/base --timings=json -- \
		echo works 2>"$work/err")" works "no space for templates: the run works"
	is "$(level_of "$work/err")" "cold boot" "and boots"
else
	skip "no space for templates" "needs root"
fi

# --- what a template depends on ---

create --quiet
cp "$work/lib/matchlock/kernel" "$work/kernel"
MATCHLOCK_KERNEL=$work/kernel
export MATCHLOCK_KERNEL
is "$(without_builds -- true)" "cold boot" "another kernel meets no template"
unset MATCHLOCK_KERNEL
cp "$(readlink -f "$(command -v qemu-system-x86_64)")" "$work/bin/qemu-system-x86_64"
is "$(PATH=$work/bin:$PATH without_builds -- true)" "cold boot" "another QEMU meets no template"
is "$(without_builds -- true)" "image template" "(those before are still good)"

mkdir -m 755 tree
cp -r "$MATCHLOCK_BUILD/guest/base/bin" tree/
mkdir tree/one
plain=$(tree_layer tree)
register shape '{}' "$plain"
is "$(ml template create shape)" "Created" "another image: its template"
shape() {
	MATCHLOCK_TEMPLATE_BUILD=0 ml run --image shape --timings=json -- "$@" 2>"$work/err"
}
is "$(shape ls -d /one):$(level_of "$work/err")" "/one:image template" "is used"
is "$(rows '[.[] | select(.image == null)] | length')" 1 "both share the generic one"
mkdir -p tree/etc/hosts
register broken '{}' "$(tree_layer tree)"
like "$(MATCHLOCK_TEMPLATE_BUILD=0 ml run --image broken -- true 2>&1)" '*/etc/hosts*' \
	"an image that no guest can be set up with"
is "$(rows '[.[] | select(.image == null)] | length')" 1 "costs no template"
rm -r tree/etc
mv tree/one tree/two
changed=$(tree_layer tree)
as_user sqlite3 "$store/metadata.db" "DELETE FROM images WHERE tag = 'shape';
	DELETE FROM image_layers WHERE tag = 'shape'"
register shape '{}' "$changed"
is "$(shape ls -d /two):$(level_of "$work/err")" "/two:generic template" \
	"the image under its tag has changed: its old template is not met"
touch "$work/lib/matchlock/initramfs"
is "$(without_builds -- true)" "cold boot" "another guest-init meets no template"
is "$(drafts)" "" "nothing half made is left"
leaves_nothing "after all runs"
done_testing
