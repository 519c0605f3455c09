#!/bin/sh
# SPDX-License-Identifier: MIT
# `exec -it` and `exec -i` in a real terminal (tmux), with a supervisor in the background of the same
# terminal and with one that is detached.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"
requires tmux

socket=$work/tmux
tm() {
	tmux -S "$socket" -f /dev/null "$@"
}
cleanup_fn sh -c "tmux -S '$socket' kill-server 2>/dev/null; :"

screen() {
	tm capture-pane -p -t t
}

type() {
	tm send-keys -t t "$1" Enter
}

# expect PATTERN NAME: the screen matches within a minute.
expect() {
	deadline=$(($(date +%s) + 60))
	while [ "$(date +%s)" -le "$deadline" ]; do
		case $(screen) in
		$1) ok "$2"; return ;;
		esac
		timeout 0.2 tail -f /dev/null
	done
	not_ok "$2" "pattern: $1" "screen:" "$(screen)"
}

tm new-session -d -s t -x 90 -y 30 bash
type "PS1='host> '; export HOME=$home drop='$drop' ml='$ml'; stty -g >'$work/before'; clear"
type "stty tostop; \$drop \$ml run --rm=false --name web --image matchlock/base 2>'$work/err' &"
check "a supervisor in the background of the terminal" timeout 60 sh -c \
	"until grep -q Stop: '$work/err'; do timeout 0.2 tail -f /dev/null; done; :"
type "clear; TERM=xterm-256color \$drop \$ml exec -it web"
expect '*/ #*' "-it without a command is a shell"
type 'stty size; echo "TERM is $TERM"; tty'
expect '*30 90*TERM is xterm-256color*/dev/pts/*' "the terminal's size, TERM, a tty"
type 'echo re''ady; cat'
expect '*
ready*' "a command that reads"
type 'typed'
expect '*typed
typed*' "a line is echoed and answered"
tm send-keys -t t C-c
expect '*^C*
/ #*' "Ctrl-C ends the guest's command"
type 'echo status $?'
expect '*status 130*' "with its status"
tm resize-window -t t -x 70 -y 20
type 'clear; stty size'
expect '*20 70*' "a resize arrives"
type 'exit 5'
expect '*host>*' "the end of the shell ends it"
type 'clear; echo "code $?"'
type "clear; \$drop \$ml exec -it web -- sh -c 'exit 5'; echo \"code \$?\""
expect '*code 5*' "with its exit code"
type "clear; \$drop \$ml exec -it web -- nosuch; echo \"code \$?\""
expect '*nosuch: not found*code 127*' "no such command"
type "stty -tostop; stty -g >'$work/after'; clear; echo comp''ared"
expect '*compared*' "the host's shell goes on"
is "$(cat "$work/after")" "$(cat "$work/before")" "the terminal is as it was"

# Without -t the terminal stays as it is: job control works, and the shell's input is the shell's.
type "clear; \$drop \$ml exec -i web -- sh -c 'echo u''p; cat'"
expect '*up*' "-i at a terminal"
type 'one'
expect '*one
one*' "a line goes through"
tm send-keys -t t C-z
expect '*Stopped*host>*' "Ctrl-Z stops it"
type 'echo mine $((6 * 7))'
expect '*mine 42*' "what is typed then is the shell's"
type 'clear; fg'
expect '*; cat*' "fg continues it"
type 'two'
expect '*two
two*' "and its input is its own again"
tm send-keys -t t C-d
expect '*two
host>*' "Ctrl-D is the end of the input"
type "clear; \$drop \$ml exec web -- sleep 1000"
check "a command runs" timeout 60 sh -c \
	"until HOME=$home $drop $ml exec web -- ps | grep -q 'sleep 1000'; do :; done"
tm send-keys -t t C-c
expect '*exec failed: context canceled*host>*' "Ctrl-C gives a plain one up"

# Killed from outside: restored too.
type "clear; \$drop \$ml exec -it web -- sh; echo code=\$?"
expect '*/ #*' "a second shell"
pkill -TERM -f "$ml exec -it"
expect '*interactive exec failed: context canceled*code=1*' "SIGTERM ends it with exit 1"
type "stty -g >'$work/after2'; clear; echo comp''ared"
expect '*compared*' "and the host's shell goes on"
is "$(cat "$work/after2")" "$(cat "$work/before")" "with the terminal as it was"

type "clear; kill %1; wait; \$drop \$ml rm web"
expect '*Removed vm-*' "the end of the supervisor"
type "clear; \$drop \$ml run -d --name far --image matchlock/base; \$drop \$ml exec -it far"
expect '*/ #*' "a shell in a detached sandbox"
type 'tty; exit'
expect '*/dev/pts/*host>*' "with a terminal"
ml stop far >/dev/null
ml rm far >/dev/null
leaves_nothing "after all"
done_testing
