#!/bin/sh
# SPDX-License-Identifier: MIT
# `run` as users know it from docker: output, exit codes, environment, users, names, limits.
# Several questions are asked of one VM, since each is a real boot.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"

out=$(base -- cat /etc/os-release 2>"$work/err")
is "$?" 0 "the main job exits 0"
like "$out" '*ID=matchlock-base*' "the main job prints the guest's os-release"
is "$(cat "$work/err")" "" "and nothing on stderr when that is no terminal"
leaves_nothing "after a run"

base -- sh -c 'echo out; echo err >&2; exit 7' >"$work/out" 2>"$work/err"
is "$?" 7 "the command's exit code is handed back"
is "$(cat "$work/out")" out "stdout is stdout"
is "$(cat "$work/err")" err "stderr is stderr"

base -- sh -c 'kill -9 $$'
is "$?" 137 "a command killed by signal 9 is 137"
base -- no-such-command 2>"$work/err"
is "$?" 127 "a command that does not exist is 127"
like "$(cat "$work/err")" '*not found*' "and the shell says so"

# Words arrive as they were given, whatever the shell would make of them.
is "$(base -- printf '%s.' a "it's" 'a b' '$HOME' '#x' '' '~' '*' '{a}' 'a;b' "a
b")" "a.it's.a b.\$HOME.#x..~.*.{a}.a;b.a
b." "words arrive unchanged"

printf '# a comment\n\n  D=from file\n' >"$work/env"
out=$(A=fromhost base -e A -e B=two -e C= --env-file "$work/env" --hostname box --user nobody -w /tmp \
	--add-host api.internal:10.0.0.10 --dns-servers 9.9.9.9 -- sh -c '
	echo "A=$A B=$B C=${C-unset} D=$D"; hostname; cat /etc/hostname; id -u; id -g; pwd; echo "HOME=$HOME"
	cat /etc/hosts; cat /etc/resolv.conf; ls -A /sys/class/net')
like "$out" 'A=fromhost B=two C= D=from file*' "environment from the host, the flag and the file"
like "$out" '*
box
box
65534
65534
/tmp
HOME=/*' "host name, user, group, directory and HOME"
like "$out" '*127.0.0.1 localhost localhost.localdomain box
10.0.0.10 api.internal
::1 localhost ip6-localhost ip6-loopback*' "/etc/hosts"
like "$out" '*nameserver 9.9.9.9*' "/etc/resolv.conf"
like "$out" '*
lo' "no network card but loopback"

out=$(base --cpus 1.5 --memory 300 --disk-size 200 -- sh -c '
	nproc; cat /sys/fs/cgroup/cpu.max; free -m | sed -n 2p; df -m / | tail -1; hostname; id -u; echo "HOME=$HOME"
	cat /etc/resolv.conf; ip addr show lo')
like "$out" '2
150000 100000*' "fractional CPUs: two, and a quota"
like "$out" '*Mem:*2[0-9][0-9] *' "memory of the VM"
like "$out" '*overlay*1[0-9][0-9] *' "size of the writable disk"
like "$out" '*vm-????????
0
HOME=/root*' "by default: the id as host name, root, HOME=/root"
like "$out" '*nameserver 8.8.8.8
nameserver 8.8.4.4*' "by default: the reference's resolvers"
like "$out" '*LOOPBACK,UP*' "loopback is up without a network"

is "$(base --entrypoint echo -- a b)" "a b" "--entrypoint"
is "$(MATCHLOCK_RUN_IMAGE=matchlock/base MATCHLOCK_RUN_HOSTNAME=fromenv ml run -- hostname)" fromenv \
	"MATCHLOCK_RUN_* are defaults"

# The kernel starts the program of core_pattern with all rights, outside of the container.
out=$(base -- sh -c 'cp /bin/busybox /tmp/sh
	echo "|/root/tmp/sh -c id>/root/tmp/out" >/proc/sys/kernel/core_pattern
	sh -c "kill -SEGV \$\$"; sleep 0.3; ls /tmp' 2>/dev/null)
is "$out" sh "what a command wrote is nothing that the guest's kernel would start"

base -w /no/such/dir -- true 2>"$work/err"
is "$?" 1 "a working directory that does not exist: exit 1"
like "$(cat "$work/err")" 'executing command: *"/no/such/dir"*' "and its name in the error"
base -u nosuchuser -- true 2>"$work/err"
is "$?" 127 "an unknown user: exit 127"
like "$(cat "$work/err")" '*nosuchuser*' "and its name in the error"
leaves_nothing "after all runs"
done_testing
