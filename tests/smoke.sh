#!/bin/sh
# SPDX-License-Identifier: MIT
# One run of each way through the program with a real VM: what the sanitizer build runs, too.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"
requires script

is "$(base -- sh -c 'echo out; exit 7'; echo $?)" "out
7" "plain: output and exit code"
is "$(head -c 3000000 /dev/zero | base -i -- md5sum)" "$(head -c 3000000 /dev/zero | md5sum)" "stdin"
out=$(as_user script -qec "$ml run -it --image matchlock/base -- sh -c 'tty; exit 3'" /dev/null </dev/null)
like "$?:$out" "3:*/dev/pts/0*" "a terminal"
out=$(base --timeout 6 -- sh -c 'while :; do sleep 1; done' 2>&1)
like "$?:$out" "1:*: context deadline exceeded" "cancelled"
out=$(base --graceful-shutdown 5s -- no-such-command 2>&1)
is "$?" 127 "an orderly end after a failure"
leaves_nothing "after all"
done_testing
