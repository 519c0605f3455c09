#!/bin/sh
# SPDX-License-Identifier: MIT
# `run -it` in a real terminal (tmux): prompt, Ctrl-C as a byte, resize, TERM, raw mode restored.
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

# expect PATTERN NAME [SECONDS]: the screen matches within the time.
expect() {
	deadline=$(($(date +%s) + ${3:-60}))
	while [ "$(date +%s)" -le "$deadline" ]; do
		case $(screen) in
		$1) ok "$2"; return ;;
		esac
		timeout 0.2 tail -f /dev/null
	done
	not_ok "$2" "pattern: $1" "screen:" "$(screen)"
}

tm new-session -d -s t -x 90 -y 30 "sh"
tm send-keys -t t "PS1='host> '; stty -g >'$work/before'" Enter
tm send-keys -t t "export HOME=$home drop='$drop'; clear" Enter
tm send-keys -t t "TERM=xterm-256color \$drop $ml run -it --image matchlock/base -- sh" Enter
expect '*/ #*' "a prompt of the guest's shell"
tm send-keys -t t 'stty size; echo "TERM is $TERM"; tty' Enter
expect '*30 90*TERM is xterm-256color*/dev/pts/0*' "the terminal's size, TERM, a tty"
tm send-keys -t t 'echo re''ady; cat' Enter
expect '*
ready*' "a command that reads"
tm send-keys -t t 'typed' Enter
expect '*typed
typed*' "a line is echoed and answered"
tm send-keys -t t C-c
expect '*^C*
/ #*' "Ctrl-C ends the guest's command"
tm send-keys -t t 'echo status $?' Enter
expect '*status 130*' "with its status"
tm resize-window -t t -x 70 -y 20
tm send-keys -t t 'clear; stty size' Enter
expect '*20 70*' "a resize arrives"
tm send-keys -t t 'exit 5' Enter
expect '*host>*' "the end of the shell ends the run"
tm send-keys -t t 'clear; echo "code $?"' Enter
tm send-keys -t t "stty -g >'$work/after'; clear; echo comp''ared" Enter
expect '*compared*' "the host's shell goes on"
is "$(cat "$work/after")" "$(cat "$work/before")" "the terminal is as it was"

# Killed from outside: restored too.
tm send-keys -t t "clear; \$drop $ml run -it --image matchlock/base -- sh; echo code=\$?" Enter
expect '*/ #*' "a second run"
pkill -TERM -f "$ml run -it"
expect '*code=1*' "SIGTERM ends it with exit 1"
tm send-keys -t t "stty -g >'$work/after2'; clear; echo comp''ared" Enter
expect '*compared*' "and the host's shell goes on"
is "$(cat "$work/after2")" "$(cat "$work/before")" "with the terminal as it was"

out=$(base -it -- sh </dev/null 2>&1)
is "$?" 1 "-it without a terminal: exit 1"
is "$out" "Error: -it requires a TTY" "and the reference's text"
leaves_nothing "after all"
done_testing
