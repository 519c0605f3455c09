#!/bin/sh
# SPDX-License-Identifier: MIT
# The command line as a user and a script meet it: texts, streams, exit codes, help, completion.
# Nothing here starts a VM.
. "$(dirname "$0")/lib/tap.sh"

matchlock=${MATCHLOCK_BIN:-${MATCHLOCK_BUILD:?the build folder}/bin/matchlock}
tmp=$(mktemp -d)
cleanup_fn rm -rf "$tmp"
for name in $(env | sed -n 's/^\(MATCHLOCK_RUN_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
unset MATCHLOCK_ACCEL
export MATCHLOCK_HOME="$tmp/state" MATCHLOCK_CACHE="$tmp/cache"

# call ARG...: runs the program; $out, $error and $code are what it gave.
call() {
	code=0
	"$matchlock" "$@" >"$tmp/out" 2>"$tmp/error" </dev/null || code=$?
	out=$(cat "$tmp/out") error=$(cat "$tmp/error")
}

# refuses TEXT ARG...: exit 1, nothing on stdout, exactly this one line on stderr.
refuses() {
	local want=$1
	shift
	call "$@"
	is "$code:$out:$error" "1::$want" "refused: $(printf %.60s "$*")"
}

run_remedy='see --help; flags of the guest command go after "--"'

# --- help and version ---
call
is "$code:$error" "0:" "without arguments: help on stdout, exit 0"
like "$out" "*Usage:*Commands:*run *gc *version *completion *help *Flags:*" \
	"the root's help lists the commands"
bare=$out
for words in "--help" "-h" "help" "--help=true" "-- run"; do
	# shellcheck disable=SC2086
	call $words
	is "$code:$out" "0:$bare" "the same help: matchlock $words"
done
call run --help
is "$code:$error" "0:" "run --help exits 0"
for flag in --image --name --label --cpus --memory --timeout --disk-size --add-host --rm --dns-servers \
	--pull --no-network --entrypoint --graceful-shutdown --detach -d -e -i -t -u -w --publish -p \
	--address --allow-host --policy --mtu --network-intercept --audit --upstream-proxy; do
	like "$out" "* $flag*" "run --help shows $flag"
done
for flag in --secret --volume; do
	case $out in
	*"$flag"*) not_ok "run --help does not show $flag, which does not exist yet" ;;
	*) ok "run --help does not show $flag, which does not exist yet" ;;
	esac
done
long_help=$out
call help run
is "$code:$out" "0:$long_help" "help run is the same"
call run --image
is "$code" "1" "a flag without its value fails"
call run --image x --cpus 1 --help -- ls
is "$code:$out" "0:$long_help" "--help wins over everything that parses"
call --help run
is "$code:$out" "0:$long_help" "--help may stand before the command"
wide=
for words in "" run list get inspect log audit stats kill stop rm prune pull image "image prune" "image export" system gc setup "setup linux" "setup user" diagnose version completion "completion bash" help; do
	# shellcheck disable=SC2086
	call help $words
	[ "$code" = 0 ] || not_ok "help $words" "$error"
	wide=$wide$(awk 'length > 80' "$tmp/out")
done
is "$wide" "" "no line of help is wider than 80 columns"
call help nonsense
is "$code:$out" "0:" "help about the unknown: exit 0, nothing on stdout"
like "$error" "Unknown help topic*nonsense*Usage:*" "... and a notice with the usage on stderr"
call completion
is "$code:$error" "0:" "a group without a command prints its help"
group=$out
call completion nonsense
is "$code:$out" "0:$group" "... and with an unknown one too"

call version
like "$code:$out" "0:matchlock *(commit: *, built: *)" "version"
call version ignored words
like "$code:$out" "0:matchlock *" "version ignores operands"
call --version
like "$code:$out" "0:matchlock version *" "--version"
call -v
like "$code:$out" "0:matchlock version *" "-v"
refuses "unknown shorthand flag: 'v' in -v ($run_remedy)" run -v x

# --- errors of the parser: one line, exit 1, no usage ---
call rum
is "$code:$out:$error" "1::unknown command \"rum\" for \"matchlock\"

Did you mean this?
	run
	rm" "unknown command, with suggestions"
refuses 'unknown command "nonsense" for "matchlock" (see --help)' nonsense
refuses "unknown flag: --bogus (see --help)" --bogus run
refuses "unknown flag: --bogus ($run_remedy)" run --bogus
refuses "unknown flag: --volume ($run_remedy)" run --volume a:b
refuses "unknown shorthand flag: 'l' in -la ($run_remedy)" run --image a ls -la
refuses "flag needs an argument: 'e' in -e (set a variable; without a value it is taken from your environment (repeatable))" run -ie
refuses 'invalid argument "abc" for "--memory" flag: strconv.ParseInt: parsing "abc": invalid syntax (expected a whole number such as 512)' run --memory abc
refuses 'invalid argument "5" for "--graceful-shutdown" flag: time: missing unit in duration "5" (expected a duration such as 5s or 1m30s)' run --graceful-shutdown 5
refuses 'invalid argument "2" for "-t, --tty" flag: strconv.ParseBool: parsing "2": invalid syntax (expected true or false)' run -t=2
refuses 'invalid argument "xen" for "--accel" flag: must be one of auto, kvm, tcg' run --accel xen
refuses 'required flag(s) "image" not set (give --image ref, or set MATCHLOCK_RUN_IMAGE)' run -- ls
refuses 'unknown command "x" for "matchlock completion bash" (see --help)' completion bash x
refuses 'argument 4 ("a\xff") is not valid UTF-8: pass such bytes on standard input instead' \
	run --image x "$(printf 'a\377')"

# --- checks of run that need no image ---
refuses "--cpus must be a finite number > 0" run --image x --cpus NaN -- ls
refuses "--cpus must be a finite number > 0" run --image x --cpus=-1 -- ls
like "$("$matchlock" run --image x --cpus 99999 -- ls 2>&1)" "--cpus must be <= host cpus (*)" \
	"more CPUs than the host has"
refuses "--memory must be 128 to 1048576 (MiB), not 1" run --image x --memory 1 -- ls
refuses "--disk-size must be 64 to 16777216 (MiB), not 0" run --image x --disk-size 0 -- ls
refuses "--timeout must be 1 to 31536000 (seconds), not -5" run --image x --timeout -5 -- ls
refuses "--dns-servers: \"x\" is not an IPv4 or IPv6 address" \
	run --image x --dns-servers 1.1.1.1,x -- ls

# --- defaults from the environment ---
MATCHLOCK_RUN_MEMORY=1 call run --image x -- ls
is "$code:$error" "1:--memory must be 128 to 1048576 (MiB), not 1" "MATCHLOCK_RUN_MEMORY acts"
MATCHLOCK_RUN_MEMORY=1 call run --image x --memory 2 -- ls
is "$error" "--memory must be 128 to 1048576 (MiB), not 2" "... and the command line wins"
MATCHLOCK_RUN_IMAGE=x MATCHLOCK_RUN_DISK_SIZE=0 call run -- ls
is "$error" "--disk-size must be 64 to 16777216 (MiB), not 0" "MATCHLOCK_RUN_IMAGE is enough"
MATCHLOCK_RUN_CPUS=many call run --image x -- ls
is "$code:$error" "1:invalid value \"many\" of MATCHLOCK_RUN_CPUS in the environment for \"--cpus\" flag: strconv.ParseFloat: parsing \"many\": invalid syntax (expected a number such as 0.5)" \
	"a wrong value names its variable"
MATCHLOCK_ACCEL=xen call run --image x -- ls
like "$code:$error" '1:invalid value "xen" of MATCHLOCK_ACCEL in the environment*' "MATCHLOCK_ACCEL"
MATCHLOCK_VERSION=1 MATCHLOCK_RUN_HELP=true MATCHLOCK_RUN_REGRESSION=1 call version
like "$code:$out" "0:matchlock *" "stray variables change nothing"

# --- descriptors ---
code=0
"$matchlock" version <&- >/dev/null 2>"$tmp/error" || code=$?
is "$code:$(cat "$tmp/error")" "0:" "standard input closed"
code=0
"$matchlock" version >&- 2>"$tmp/error" || code=$?
is "$code:$(cat "$tmp/error")" "1:write standard output: Bad file descriptor" "standard output closed"
if [ -c /dev/full ]; then
	code=0
	error=$("$matchlock" run --help 2>&1 >/dev/full) || code=$?
	is "$code:$error" "1:write standard output: No space left on device" "standard output full"
fi
mkfifo "$tmp/fifo"
sh -c 'exec 3<"$1"' sh "$tmp/fifo" &
exec 3>"$tmp/fifo"
wait $! # the only reader has gone
code=0
"$matchlock" run --help >&3 2>"$tmp/error" || code=$?
exec 3>&-
is "$code:$(cat "$tmp/error")" "1:" "a reader that has gone gets no message, the status tells"

# --- completion ---
# offers WANT WORD...: the candidates, without descriptions, on one line.
offers() {
	local want=$1
	shift
	call __completeNoDesc "$@"
	is "$(echo $out)" "$want" "completes: $*<TAB>"
}
offers "run exec port-forward list get inspect log audit stats kill stop rm prune pull image template volume allow-list policy system gc setup diagnose version completion help :4" ""
offers "run rm :4" r
offers "--image --interactive :4" run --i
offers "auto kvm tcg :4" run --accel ""
offers "kvm :4" run --accel=k
offers "matchlock/base :4" run --image m
offers "matchlock/base :4" run -it --image=
offers ":0" run --env-file ""
offers ":4" run --image x -- --im
offers ":4" nonsense ""
offers "--memory :4" run --cpus 1 --mem
offers ":4" run --memory 1 --mem
offers "bash zsh fish powershell :4" completion ""
offers "--no-descriptions :4" completion bash --no
offers "completion :4" help comp
offers "bash :4" help completion b
offers "-v :4" -v
offers "--version :4" --v

call __complete run --no-n
is "$code:$out" "0:--no-network	no network interface but loopback
:4" "candidates carry descriptions"
ENV_FOR_COMPLETION=1 call __complete run -e ENV_FOR_COMPL
is "$out" "ENV_FOR_COMPLETION
:4" "-e completes names of variables"
for shell in bash zsh fish powershell; do
	call completion "$shell"
	like "$code:$out" "0:*matchlock*__complete[ ']*" "completion $shell prints a script"
	call completion "$shell" --no-descriptions
	like "$code:$out" "0:*matchlock*__completeNoDesc*" "... and one without descriptions"
done

if command -v bash >/dev/null 2>&1; then
	"$matchlock" completion bash >"$tmp/bash"
	# completed WORD...: what bash would offer, as its completion function is called.
	cat >"$tmp/drive" <<'DRIVE'
. "$1"
shift
COMP_LINE=$* COMP_POINT=${#COMP_LINE}
IFS=$'\x1f' read -r -a COMP_WORDS <<<"$SPLIT"
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_matchlock
printf '%s\n' "${COMPREPLY[@]}"
DRIVE
	mkdir "$tmp/bin"
	ln -s "$(realpath "$matchlock")" "$tmp/bin/matchlock"
	# completes WANT LINE WORD...: LINE as typed; the words as readline cuts them.
	completes() {
		local want=$1 line=$2 split=
		shift 2
		for word; do split="$split${split:+$(printf '\037')}$word"; done
		is "$(PATH="$tmp/bin:$PATH" SPLIT=$split bash "$tmp/drive" "$tmp/bash" "$line")" \
			"$want" "bash: $line<TAB>"
	}
	completes "run" "matchlock ru" matchlock ru
	completes "--memory" "matchlock run --mem" matchlock run --mem
	completes "kvm" "matchlock run --accel=k" matchlock run --accel = k
	completes "matchlock/base" "matchlock run --image ma" matchlock run --image ma
	like "$(PATH="$tmp/bin:$PATH" SPLIT="matchlock$(printf '\037')c" bash "$tmp/drive" \
		"$tmp/bash" "matchlock c")" "completion" "bash: one candidate has no description"
else
	skip "bash completes" "bash is not installed"
fi
done_testing
