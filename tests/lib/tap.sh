# SPDX-License-Identifier: MIT
# A black box test: source this file, say what must hold, end with `done_testing`.  Prints TAP
# without a plan in front; the number of tests follows at the end.
#
#	. "$(dirname "$0")/lib/tap.sh"
#	requires qemu-system-x86_64		# the whole file is skipped where it is missing
#	tmp=$(mktemp -d); cleanup_fn rm -rf "$tmp"
#	check "true succeeds" true
#	is "$(echo a)" "a" "echo gives back its argument"
#	done_testing
#
# What a test leaves behind is undone on every way out, last registered first.  Works in any POSIX
# shell with `local` (dash, bash, busybox sh).

tap_count=0
tap_failed=0
tap_cleanups=

# ok NAME: this held.
ok() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

# not_ok NAME [DETAIL...]: this did not hold; the details are shown, one a line, the first 30.
not_ok() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | head -n 30 | cut -c 1-300 | sed 's/^/# /'
}

# check NAME COMMAND [ARG...]: the command succeeds.  Its output is shown when it fails.
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		ok "$name"
	else
		not_ok "$name" "failed ($?): $*" "$output"
	fi
}

# check_fails NAME COMMAND [ARG...]: the command fails.
check_fails() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		not_ok "$name" "succeeded: $*" "$output"
	else
		ok "$name"
	fi
}

# is GOT WANT NAME: the two texts are equal.
is() {
	if [ "$1" = "$2" ]; then
		ok "$3"
	else
		not_ok "$3" "got:  $1" "want: $2"
	fi
}

# like TEXT PATTERN NAME: the text matches the pattern of `case` ("*not found*").
like() {
	case $1 in
	$2) ok "$3" ;;
	*) not_ok "$3" "got:     $1" "pattern: $2" ;;
	esac
}

# skip NAME REASON: not tried, for what the machine lacks; never for what fails.
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# skip_all REASON: the whole file is not tried.
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# requires PROGRAM...: the file makes no sense without these.
requires() {
	local program
	for program; do
		command -v "$program" >/dev/null 2>&1 || skip_all "$program is not installed"
	done
}

# cleanup_fn COMMAND [ARG...]: run on every way out.
cleanup_fn() {
	local line= word
	for word; do
		line="$line '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"
	done
	tap_cleanups="$line
$tap_cleanups"
}

tap_exit() {
	local status=$?
	trap - EXIT HUP INT TERM
	eval "$tap_cleanups"
	exit "$status"
}
trap tap_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# done_testing: ends the file.
done_testing() {
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ]
	exit
}
