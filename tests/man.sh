#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual pages of the build: one for each command, clean, and with every flag that help shows.
. "$(dirname "$0")/lib/tap.sh"
requires man mandoc
pages=$MATCHLOCK_BUILD/packaging/man
ml=$MATCHLOCK_BUILD/bin/matchlock
work=$(mktemp -d "${TMPDIR:-/tmp}/matchlock-test.XXXXXX")
cleanup_fn rm -rf "$work"
export LC_ALL=C.UTF-8 MANWIDTH=200 MAN_KEEP_FORMATTING= MANROFFOPT=-c

# commands_below WORD...: the path of this command and of all below it, by what help lists.
commands_below() {
	local child
	echo matchlock "$@"
	for child in $("$ml" help "$@" | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\)\( .*\)\?$/\1/p'); do
		commands_below "$@" "$child"
	done
}
commands_below >"$work/paths"
tr ' ' - <"$work/paths" | sort >"$work/commands"
ls "$pages/man1" | sed 's/\.1$//' | sort >"$work/pages"
is "$(diff "$work/commands" "$work/pages")" "" "every command has a page, and every page a command"
check "... and there are many" test "$(wc -l <"$work/pages")" -gt 40

for file in "$pages"/man1/* "$pages"/man5/*; do
	# scdoc writes empty paragraphs, long lines and titles as they are: those are no faults of a page.
	bad=$(man --warnings -l "$file" 2>&1 >/dev/null
		mandoc -T lint -W style "$file" | grep -v \
			-e 'paragraph macro: PP' -e 'longer than 80 bytes' -e 'lower case character')
	[ -z "$bad" ] || echo "$(basename "$file"): $bad"
done >"$work/bad"
is "$(cat "$work/bad")" "" "every page is clean"

while read -r path; do
	page=$(echo "$path" | tr ' ' -)
	man -l "$pages/man1/$page.1" | col -b >"$work/text"
	# shellcheck disable=SC2086
	"$ml" help ${path#matchlock} | grep -o '^  *\(-[a-zA-Z], \)\?--[a-z-]*' |
		while read -r flag; do
			grep -q -- "^ *$flag\( \|\$\)" "$work/text" || echo "$page: $flag"
		done
done <"$work/paths" >"$work/missing"
is "$(cat "$work/missing")" "" "every flag of help is in its page"

cat "$pages"/man[15]/* | sed 's/\\fB\|\\fR//g; s/\\-/-/g' | grep -o 'matchlock[a-z-]*([15])' | sort -u |
	sed 's/(\(.\))/.\1/' | while read -r page; do
	[ -e "$pages/man${page##*.}/$page" ] || echo "$page"
done >"$work/dangling"
is "$(cat "$work/dangling")" "" "what pages refer to is there"

for shell in bash zsh fish; do
	"$ml" completion "$shell" >"$work/$shell"
done
is "$(cd "$MATCHLOCK_BUILD/packaging" && cmp matchlock "$work/bash" && cmp _matchlock "$work/zsh" &&
	cmp matchlock.fish "$work/fish" && echo equal)" equal "the completions are those of the program"
done_testing
