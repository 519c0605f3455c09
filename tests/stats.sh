#!/bin/sh
# SPDX-License-Identifier: MIT
# `stats` and `top`: figures of real VMs beside those of /proc, in a real terminal (tmux) too.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"
requires tmux

cleanup_fn ml kill --all

mib=1048576

# figure NAME: of the one object in $out; "null" when it is not known.
figure() {
	echo "$out" | sed -n "s/.*\"$1\":\([0-9.a-z]*\).*/\1/p"
}

# between LOW VALUE HIGH NAME
between() {
	if [ "$(echo "$2" | awk "{print (\$1 ~ /^[0-9]/ && \$1 >= $1 && \$1 <= $3)}")" = 1 ]; then
		ok "$4"
	else
		not_ok "$4" "got $2, not from $1 to $3" "$out"
	fi
}

# eventually NAME COMMAND...: it succeeds within a minute.
eventually() {
	local name=$1 deadline
	shift
	deadline=$(($(date +%s) + 60))
	until "$@"; do
		[ "$(date +%s)" -le "$deadline" ] || { not_ok "$name" "$out"; return; }
		timeout 0.2 tail -f /dev/null
	done
	ok "$name"
}

is "$(ml stats --json)" "[]" "no sandbox, as JSON"
like "$(ml stats)" "ID *NAME *CPU *MEMORY *DISK *READ/WRITTEN *SENT/RECEIVED *UPTIME *STATUS" "no sandbox: the headers"
out=$(ml stats nosuch 2>&1) && not_ok "an unknown id is an error"
like "$out" "*nosuch not found*" "... that names it"
out=$(ml stats --stream --no-stream 2>&1) && not_ok "--stream --no-stream is an error"
like "$out" "*exclude each other*" "... that says why"

ml volume create data --size 64 >/dev/null
busy=$(ml run -d --name busy --memory 256 --disk @data:/d --image matchlock/base -- \
	sh -c 'dd if=/dev/urandom of=/d/x bs=1M count=8; sync; while :; do :; done' 2>&1 | tail -n 1)
like "$busy" "vm-*" "a busy sandbox"

# --- the figures ---
written() {
	out=$(ml stats --json busy)
	[ "$(figure written)" -ge $((8 * mib)) ]
}
eventually "what the guest has written out is counted" written
between $((8 * mib)) "$(figure disk)" $((100 * mib)) "and takes its space"
is "$(figure memory_limit)" $((256 * mib)) "the guest's memory"
pss=$(sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$(vm_processes)/smaps_rollup")
between $((pss * 1024 / 2)) "$(figure memory)" $((pss * 1024 * 2)) "memory is the VMM's share"
age=$(ps -o etimes= -p "$(vm_processes)")
between $((age - 5)) "$(figure uptime)" $((age + 1)) "uptime is the VMM's"
is "$(figure cpus)" "1.0" "CPUs"

# Where other work leaves little CPU, a busy sandbox is one that gets half of what a loop of the
# host gets in the same time.
busy_enough() {
	local from ticks share
	from=$(date +%s%N)
	ticks=$(awk '{print $14 + $15}' "/proc/$spinner/stat")
	out=$(ml stats --json busy)
	ticks=$(($(awk '{print $14 + $15}' "/proc/$spinner/stat") - ticks))
	share=$((ticks * 1000000000 / $(getconf CLK_TCK) * 100 / ($(date +%s%N) - from)))
	figure cpu_percent | awk "{exit !(\$1 > $share / 2 && \$1 > 5)}"
}
sh -c 'while :; do :; done' &
spinner=$!
cleanup_fn sh -c "kill $spinner 2>/dev/null; :"
eventually "a busy loop takes over half of a CPU" busy_enough
kill "$spinner"

idle=$(ml run -d --name idle --image matchlock/base 2>&1 | tail -n 1)
like "$idle" "vm-*" "an idle sandbox"
idle_enough() {
	out=$(ml stats --json "$idle")
	figure cpu_percent | awk '{exit !($1 < 20)}'
}
eventually "an idle one under a fifth" idle_enough

# --- the table ---
out=$(ml top </dev/null)
is "$(echo "$out" | wc -l)" "3" "without a terminal top prints all that run, once"
like "$out" "ID *NAME*
$idle  idle  *%  */512.0 MB *MB *MB *s *running
$busy  busy  *%  */256.0 MB *MB *MB *s *running" "with their figures, newest first"
is "$(ml stats idle | awk 'NR > 1 {print $1}')" "$idle" "a name"

# --- --stream ---
is "$(ml stats --json --stream idle | head -n 2 | grep -c "^\[{\"id\":\"$idle\".*}\]$")" "2" \
	"--stream --json: a line a second, until nobody reads"
: >"$work/stream"
HOME=$home $drop "$ml" stats --stream >"$work/stream" &
stream=$! # the program itself
eventually "--stream: a table a second" sh -c "[ \$(grep -c ^ID '$work/stream') -ge 2 ]"
kill -TERM "$stream"
wait "$stream"
is "$?" "0" "until SIGTERM"

# --- on a terminal ---
socket=$work/tmux
tm() {
	tmux -S "$socket" -f /dev/null "$@"
}
cleanup_fn sh -c "tmux -S '$socket' kill-server 2>/dev/null; :"

type() {
	tm send-keys -t t "$1" Enter
}

matches() {
	out=$(tm capture-pane -p -t t)
	case $out in
	$1) return 0 ;;
	esac
	return 1
}

# expect PATTERN NAME: the screen comes to match.
expect() {
	eventually "$2" matches "$1"
}

# Whether the alternate screen is shown, whether the cursor is, lines that have scrolled away.
modes() {
	tm display -p -t t '#{alternate_on} #{cursor_flag} #{history_size}'
}

tm new-session -d -s t -x 100 -y 20 bash
type "PS1='host> '; export HOME=$home; stty -g >'$work/before'; clear; echo be''fore"
expect '*before*host>*' "a terminal"
plain=$(modes)
type "$drop $ml top; echo code=\$?"
expect '2 sandboxes, q ends
*ID *NAME *STATUS*
*busy *%*
*idle *%*' "top draws the table, the busy one first"
is "$(modes)" "1 0 0" "on the alternate screen, without a cursor"
tm capture-pane -p -t t | head -n 5 | sed 's/^/# /'
before=$out
changed() {
	! matches "$before"
}
eventually "and draws it anew" changed
is "$(modes)" "1 0 0" "in place"
tm resize-window -t t -x 30 -y 4
expect '2 sandboxes, q ends

ID  *
... and 2 more' "a smaller terminal: as much as fits"
is "$(tm capture-pane -p -t t | awk 'length > n { n = length } END { print n }')" "30" "in its width"
tm resize-window -t t -x 100 -y 20
expect '*ID *STATUS*busy *running*idle *running*' "and larger again"
tm send-keys -t t q
expect '*before*code=0*host>*' "q ends it, and what was there is there again"
is "$(modes)" "$plain" "with its cursor"

type "clear; $drop $ml stats busy; echo code=\$?"
expect '1 sandbox, q ends*busy*%*' "stats with a name"
tm send-keys -t t C-z
expect '*Stopped*host>*' "Ctrl-Z stops it"
is "$(modes)" "$plain" "and gives the terminal back"
type 'fg'
expect '1 sandbox, q ends*busy*' "fg goes on"
tm send-keys -t t C-c
expect '*Stopped*host>*fg*host>*' "Ctrl-C ends it"
type "clear; $drop $ml top; echo code=\$?"
expect '2 sandboxes, q ends*' "once more"
kill -TERM "$(pgrep -P "$(tm display -p -t t '#{pane_pid}')")"
expect '*code=0*host>*' "SIGTERM ends it"
type "stty -g >'$work/after'; clear; echo comp''ared"
expect '*compared*' "the shell goes on"
is "$(cat "$work/after")" "$(cat "$work/before")" "the terminal is as it was"
is "$(modes)" "$plain" "in its modes too"

# --- the end of sandboxes ---
: >"$work/stream"
HOME=$home $drop "$ml" stats --json --stream idle >"$work/stream" &
stream=$!
eventually "a stream of one sandbox" test -s "$work/stream"
ml stop idle >/dev/null
out=$(ml stats --json idle)
is "$(figure cpu_percent) $(figure memory) $(figure uptime)" "null null null" \
	"one that has ended takes nothing"
like "$out" '*"status":"stopped"*' "and says so"
is "$(ml stats --json | grep -c "$idle")" "0" "without its name it is not shown"
ml rm idle >/dev/null
wait "$stream"
is "$?" "0" "its removal ends the stream"
ml stop busy >/dev/null
ml rm busy >/dev/null
leaves_nothing "after all"
done_testing
