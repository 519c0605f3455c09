# SPDX-License-Identifier: MIT
# The real program, installed, used by an ordinary user: source after tap.sh.
#
#	ml ARG...	runs matchlock as that user, in an empty home
#	as_user ARG...	runs any program as that user; $drop: the words before one that do it
#	$work		a scratch folder of that user; $home: the user's home
#	level ARG...	runs the base image and prints what the sandbox was started from
#	leaves_nothing NAME: the state directory holds no sandbox and no row, no process runs
#
# Run by root the user is one that owns nothing else (uid $test_uid); run by anyone else it is that
# one.  What is tested is a copy of the build that such a user can read.

test_uid=${MATCHLOCK_TEST_UID:-47011}
work=$(mktemp -d "${TMPDIR:-/tmp}/matchlock-test.XXXXXX")
cleanup_fn rm -rf "$work"
cleanup_fn end_builders
home=$work/home
mkdir -p "$home" "$work/bin" "$work/lib" "$work/libexec"
cp "$MATCHLOCK_BUILD/bin/matchlock" "$work/bin/"
cp -rL --sparse=always "$MATCHLOCK_BUILD/lib/matchlock" "$work/lib/"
cp -rL "$MATCHLOCK_BUILD/libexec/matchlock" "$work/libexec/"
ml=$work/bin/matchlock

if [ "$(id -u)" -eq 0 ]; then
	chown -R "$test_uid:$test_uid" "$home"
	chown "$test_uid:$test_uid" "$work"
	drop="setpriv --reuid $test_uid --regid $test_uid --clear-groups --"
else
	drop=
fi
cd "$work"

# Debian's udev opens the device to everybody; where there is none, as in a container, root does it.
if [ "$(id -u)" -eq 0 ] && ! $drop test -w /dev/net/tun; then
	mkdir -p /dev/net
	[ -c /dev/net/tun ] || mknod /dev/net/tun c 10 200
	chmod 666 /dev/net/tun
fi

# MATCHLOCK_START says from what the sandboxes of a test are to start: a generic template, or cold;
# without it from the best that there is, which is the image's template from the second run on.
case ${MATCHLOCK_START:-} in
generic)
	export MATCHLOCK_TEMPLATE_BUILD=0
	HOME=$home $drop "$ml" template create --quiet --generic matchlock/base || exit 1 ;;
cold) export MATCHLOCK_RUN_NO_TEMPLATE=true ;;
esac

as_user() {
	HOME=$home $drop "$@"
}

ml() {
	as_user "$ml" "$@"
}

# base ARG...: `run` of the base image.
base() {
	ml run --image matchlock/base "$@"
}

# start ARG...: a `run` in the background, whose command says "up"; waits for that word.  $pid: the
# supervisor, $id: the sandbox, $job: what to wait for.
start() {
	rm -f "$work/up"
	mkfifo -m 666 "$work/up"
	as_user sh -c 'out=$1; shift; echo $$ >"$HOME/pid"; exec "$@" >"$out" 2>"$HOME/err"' - \
		"$work/up" "$ml" run --image matchlock/base "$@" &
	job=$!
	exec 5<"$work/up"
	read -r word <&5
	pid=$(cat "$home/pid")
	id=$(ml list --json | jq -r ".[] | select(.pid == $pid).id")
}

# What a run may leave behind for half a minute: who makes its image's template.
end_builders() {
	local pids
	pids=$(pgrep -f "^$ml template create --background") && kill -9 $pids
	:
}

# The last of the lines of "$1" that is of --timings=json.
level_of() {
	sed -n 's/^{"started_by":"\([^"]*\)".*/\1/p' "$1" | tail -n 1
}

level() {
	base --timings=json "$@" 2>"$work/level.err" >/dev/null
	level_of "$work/level.err"
}

# The QEMU processes of this test's sandboxes, known by the disk that they hold.
vm_processes() {
	for qemu in $(pgrep qemu-system); do
		case $(ls -l "/proc/$qemu/fd" 2>/dev/null) in
		*" $home/.matchlock/"*) echo "$qemu" ;;
		esac
	done
}

leaves_nothing() {
	is "$(ls "$home/.matchlock/vms" 2>/dev/null)" "" "$1: no directory is left"
	is "$(ml gc)" "Reconciled 0 VMs" "$1: no row is left"
	is "$(vm_processes)" "" "$1: no process is left"
}
