#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/guide.md, word by word: every block of it is run, in order, by a new user with an empty home, on
# a copy of this machine that is thrown away, whose internet is a DNS server and a registry with Docker
# Hub's names (lib/machine.sh, lib/internet.sh).
#
#	bash	run by `bash -e`, which must succeed
#	console	each "$ command" is run, and what is printed is what the page shows; there "..." stands
#		for anything, and an id for any id
#	text	paths, which must be there; "<...>" stands for anything
#
# What a comment in the source marks "test: skip REASON" is skipped; docs/compatibility.md has the
# reasons.  A block of any other kind is a failure.  At last the page's own table of what the guide of
# earlier releases had: "same" must be typed in a block, "other" must name something that is, "gone"
# must be in docs/compatibility.md.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/machine.sh"
. "$(dirname "$0")/lib/internet.sh"
requires curl dnsmasq docker-registry ip nginx nsenter openssl pgrep skopeo sudo umoci unshare
[ "$(id -u)" -eq 0 ] || skip_all "only root can set up a machine"
source=$(realpath "$(dirname "$0")/..")
guide=$source/docs/guide.md
compatibility=$source/docs/compatibility.md
work=$(mktemp -d "${TMPDIR:-/tmp}/matchlock-test.XXXXXX")
cleanup_fn rm -rf "$work"

machine "$source" "$MATCHLOCK_BUILD"
internet example.com example.org || skip_all "no network namespace like the internet"
hub_image library/alpine:latest "$MATCHLOCK_BUILD/guest/base"
in_machine chown -R alice: "$source" "$MATCHLOCK_BUILD"
build=$(realpath --relative-to="$source" "$MATCHLOCK_BUILD")
in_machine sh -c 'echo "Defaults env_keep += MAKEFLAGS" >>/etc/sudoers.d/alice'

# in_guide SHELL...: as the reader, where the source is; `make` is to take the build that is tested.
in_guide() {
	as_alice env -C "$source" MAKEFLAGS="BUILD=$build" "$@" 2>&1
}

# as_pattern <TEXT: the text as a pattern of `case`.
as_pattern() {
	sed 's/[][*?\\]/\\&/g; s/vm-[0-9a-f]\{8\}/vm-????????/g; s/\.\.\./*/g'
}

# each_path <TEXT: every path is there.
each_path() {
	sed 's/<[^>]*>/*/g' | while read -r path _; do
		in_guide sh -c "ls -d $path" </dev/null || exit 1
	done
}

run_block() {
	local line=$1 language=$2 reason=$3 name text=$work/$1
	name="line $line: $(grep -v '^#' "$text" | head -n 1 | tr -d '#')"
	case $language:$reason in
	bash:- | console:- | text:-) cat "$text" >>"$work/typed" ;;
	esac
	case $language:$reason in
	bash:-) check "$name" in_guide bash -e -c "$(cat "$text")" </dev/null ;;
	console:-)
		like "$(in_guide bash -c "$(cat "$text.sh")" </dev/null)" "$(as_pattern <"$text")" "$name"
		;;
	text:-) check "$name" each_path <"$text" ;;
	bash:* | console:*)
		cat "$text" >>"$work/typed"
		if grep -q "^| \`$reason\` |" "$compatibility"; then
			skip "$name" "$reason"
		else
			not_ok "$name" "docs/compatibility.md does not know the reason $reason"
		fi
		;;
	*) not_ok "$name" "neither run nor skipped: language $language, reason $reason" ;;
	esac
}

awk -v folder="$work" -f "$(dirname "$0")/lib/blocks.awk" "$guide" >"$work/index"
while read -r line language reason <&3; do
	run_block "$line" "$language" "$reason"
done 3<"$work/index"

# --- the table of the earlier guide ---
cat >"$work/table.awk" <<'END'
/^## From the earlier guide/ { wanted = 1 }
wanted && /^\| `/ {
	gsub(/\\\|/, "\001")
	split($0, cells, / *\| */)
	gsub("\001", "|", cells[2])
	gsub(/`/, "", cells[2])
	gsub(/`/, "", cells[4])
	print cells[2] "\t" cells[3] "\t" cells[4]
}
END
awk -f "$work/table.awk" "$guide" >"$work/table"
tab=$(printf '\t')
while IFS=$tab read -r old state new; do
	case $state in
	same) grep -qF -e "$old" "$work/typed" ;;
	other) [ -n "$new" ] && grep -qF -e "$new" "$work/typed" ;;
	gone) grep -qF -e "\`$old\`" "$compatibility" ;;
	*) false ;;
	esac || echo "$old: $state $new"
done <"$work/table" >"$work/bad"
is "$(cat "$work/bad")" "" "$(wc -l <"$work/table") commands and paths of the earlier guide"
done_testing
