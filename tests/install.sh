#!/bin/sh
# SPDX-License-Identifier: MIT
# `make install` of this build below a DESTDIR, what is there then, a VM that an ordinary user runs
# from it, and that mise.toml names targets of the Makefile only.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"
requires jq python3
source=$(realpath "$(dirname "$0")/..")
prefix=$(meson introspect --buildoptions "$MATCHLOCK_BUILD" | jq -r '.[] | select(.name == "prefix").value')
dest=$work/dest
umask 022

check "make install goes below DESTDIR" env DESTDIR="$dest" \
	make -C "$source" --no-print-directory install BUILD="$MATCHLOCK_BUILD" PREFIX="$prefix"
is "$(ls "$dest"):$(ls "$dest$prefix" | tr '\n' ' ')" \
	"$(echo "$prefix" | cut -d / -f 2):bin lib libexec share " "... and nowhere else"
is "$(cd "$dest$prefix" && find bin lib libexec -type f -printf '%p %m\n' | sort)" "bin/matchlock 755
lib/matchlock/base.erofs 644
lib/matchlock/base.json 644
lib/matchlock/guest-init 755
lib/matchlock/initramfs 644
lib/matchlock/kernel 644
lib/matchlock/modules.erofs 644
lib/matchlock/upper.ext4 644
libexec/matchlock/image-worker 755" "programs and artefacts"
is "$(cd "$dest$prefix/share" && ls -d bash-completion/completions/matchlock doc/matchlock/README.md \
	doc/matchlock/docs/registries.md fish/vendor_completions.d/matchlock.fish man/man1/matchlock.1 \
	man/man5/matchlock-registries.5 zsh/site-functions/_matchlock 2>&1 | wc -l)" 7 \
	"pages, completions and documents"
is "$(ls "$dest$prefix/share/man/man1")" "$(ls "$MATCHLOCK_BUILD/packaging/man/man1")" "... all pages"
check "the empty disk takes no room" \
	test "$(stat -c %b "$dest$prefix/lib/matchlock/upper.ext4")" -lt 2048

out=$(as_user "$dest$prefix/bin/matchlock" run --image matchlock/base -- sh -c 'echo from a VM; exit 7')
is "$?:$out" "7:from a VM" "what was installed runs a VM"

# Links in the documents lead to what was installed.
(cd "$dest$prefix/share/doc/matchlock" && grep -o '](\([A-Za-z/]*\.md\|LICENSE\))' README.md) |
	tr -d '()]' | while read -r link; do
	[ -e "$dest$prefix/share/doc/matchlock/$link" ] || echo "$link"
done >"$work/dangling"
is "$(cat "$work/dangling")" "" "the links of README.md lead somewhere"

python3 - "$source/mise.toml" >"$work/tasks" <<'END'
import sys, tomllib
for name, task in tomllib.load(open(sys.argv[1], "rb"))["tasks"].items():
    print(name, task["run"])
END
for task in build install test; do
	like "$(cat "$work/tasks")" "*$task *make*" "mise has the task $task"
done
while read -r task command; do
	make -n -C "$source" ${command##*make} >"$work/log" 2>&1 || echo "$task: $command"
done <"$work/tasks" >"$work/bad"
is "$(cat "$work/bad")" "" "every task of mise is a target of the Makefile"
done_testing
