#!/bin/sh
# SPDX-License-Identifier: MIT
# What starts from one template has nothing in common that must differ: randomness, names, keys,
# clocks, files.  Ten clones, twenty starts in a row and twenty at once here; fifty and two hundred
# with MATCHLOCK_SOAK=1 (make soak).  Flags that a template does not have in it, from each level.
. "$(dirname "$0")/lib/tap.sh"
requires qemu-system-x86_64 jq sqlite3 ssh-keygen python3
. "$(dirname "$0")/lib/matchlock.sh"
. "$(dirname "$0")/lib/store.sh"

clones=10 in_a_row=20
[ -z "${MATCHLOCK_SOAK:-}" ] || clones=50 in_a_row=200

# An image that makes ssh host keys when it starts and has a `date` with nanoseconds.
mkdir -m 755 tree tree/etc tree/etc/ssh tree/usr tree/usr/local tree/usr/local/bin
cp -r "$MATCHLOCK_BUILD/guest/base/bin" tree/
for program in /usr/bin/ssh-keygen /usr/bin/date; do
	cp "$program" tree/usr/local/bin/
	ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
		mkdir -p "tree$(dirname "$library")"
		cp -L "$library" "tree$library"
	done
done
echo 'root:x:0:0:root:/root:/bin/sh' >tree/etc/passwd
layer=$(tree_layer tree)
register keys '{}' "$layer"
check "the template of an image with ssh-keygen" ml template create keys
export MATCHLOCK_TEMPLATE_BUILD=0

# An environment can decide what the command does that is run while a template is made.
register other '{"env":{"BASH_FUNC_true%%":"() { echo x >/etc/motd; }"}}' "$layer"
ml run --image other --timings=json -- true 2>"$work/err"
is "$(level_of "$work/err")" "generic template" \
	"an image of the same layers with another environment has no part in that template"

# --- identity ---

# Each clone prints what must be its own, one a line.
cat >"$work/identity" <<'END'
head -c 16 /dev/urandom | md5sum
cat /proc/sys/kernel/random/uuid
cat /proc/sys/kernel/random/boot_id
cat /etc/machine-id
hostname
ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/key && cut -d " " -f 2 /etc/ssh/key.pub
END
names='randomness uuid boot_id machine-id hostname ssh-host-key'
for i in $(seq "$clones"); do
	ml run --image keys --timings=json -- sh -c "$(cat "$work/identity")" \
		>"$work/clone$i" 2>"$work/err$i"
done
is "$(for i in $(seq "$clones"); do level_of "$work/err$i"; done | sort | uniq -c | tr -s ' ')" \
	" $clones image template" "$clones clones of one template"
line=0
for name in $names; do
	line=$((line + 1))
	is "$(for i in $(seq "$clones"); do sed -n ${line}p "$work/clone$i"; done | grep . | sort -u |
		wc -l)" "$clones" "$name: no two clones have the same"
done
is "$(cat "$work"/clone* | wc -l)" $((clones * line)) "each has all of them"

# The clock: a question is answered between its sending and its receipt.
cat >"$work/clock.py" <<'END'
import subprocess, sys, time
run = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
best = None
for _ in range(5):
    before = time.time()
    run.stdin.write(b"\n")
    guest = float(run.stdout.readline())
    after = time.time()
    error = max(before - guest, guest - after, 0)
    best = error if best is None else min(best, error)
run.stdin.close()
print("%.1f ms" % (1000 * best) if run.wait() or best > 0.010 else "within 10 ms")
END
is "$(python3 "$work/clock.py" $drop env HOME="$home" "$ml" run -i --image keys -- sh -c \
	'while read -r line; do /usr/local/bin/date +%s.%N; done')" "within 10 ms" "the clock of a clone"
before=$(date +%s%N)
guest=$(ml run --image keys -- /usr/local/bin/date +%s%N)
after=$(date +%s%N)
is "$((guest >= before - 10000000 && guest <= after + 10000000))" 1 \
	"the clock is right for the first program already"
like "$(ml run --image keys -- sh -c 'echo a >/one; ls /; cat /one')" '*one*a' "a clone writes"
check_fails "which no other one sees" ml run --image keys -- ls /one

# --- every flag from each level ---

create_base() {
	ml template create --quiet "$@" matchlock/base
}
create_base
# from LEVEL FLAG... -- WORD...: a run of the base image that starts from it.
from() {
	local level=$1 out status
	shift
	case $level in
	"image template") create_base ;;
	"generic template") ml template ls --json |
		jq -r '.[] | select(.image == "matchlock/base") | .key' | xargs -r -n 1 $drop \
		env HOME="$home" "$ml" template rm >/dev/null ;;
	"cold boot") set -- --no-template "$@" ;;
	esac
	out=$(base --timings=json "$@" 2>"$work/err")
	status=$?
	printf '%s [%s] %s' "$out" "$status" "$(level_of "$work/err")"
}
for level in "image template" "generic template" "cold boot"; do
	is "$(from "$level" -- sh -c 'exit 7')" " [7] $level" "$level: the exit code"
	is "$(from "$level" -e A=1 -w /tmp --hostname box -- sh -c 'echo $A $PWD $(hostname)')" \
		"1 /tmp box [0] $level" "$level: environment, directory, host name"
	is "$(from "$level" --user nobody -- sh -c 'id -u; echo $HOME')" "65534
$(from "cold boot" --user nobody -- sh -c 'echo $HOME' | sed 's/ \[.*//') [0] $level" \
		"$level: another user"
	is "$(from "$level" --user 12:34 --entrypoint echo -- a b)" "a b [0] $level" "$level: entrypoint"
	is "$(echo text | from "$level" -i -- cat)" "text [0] $level" "$level: input"
	like "$(from "$level" --privileged -- sh -c 'grep CapEff /proc/self/status')" \
		'CapEff:*ffffff \[0\]*' "$level: --privileged"
	is "$(from "$level" --add-host a.b:10.0.0.1 --dns-servers 9.9.9.9 -- sh -c \
		'grep -c 10.0.0.1 /etc/hosts; cat /etc/resolv.conf')" "1
nameserver 9.9.9.9 [0] $level" "$level: names"
	is "$(from "$level" -- /no/such/program)" " [127] $level" "$level: no such program"
done

# --- many ---

create_base
good=0
for i in $(seq "$in_a_row"); do
	[ "$(level -- true)" = "image template" ] && good=$((good + 1))
done
is "$good" "$in_a_row" "$in_a_row starts in a row, all from the image's template"
for i in $(seq 20); do
	base --timings=json -- echo "$i" >"$work/out$i" 2>"$work/err$i" &
done
wait
is "$(for i in $(seq 20); do cat "$work/out$i"; done | tr '\n' ' ')" "$(seq -s ' ' 20) " \
	"twenty starts at once"
is "$(for i in $(seq 20); do level_of "$work/err$i"; done | sort -u)" "image template" \
	"all from the image's template"
leaves_nothing "after all runs"
done_testing
