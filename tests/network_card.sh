#!/bin/sh
# SPDX-License-Identifier: MIT
# The network card of sandboxes, whatever they start from: with the same addresses in each, and not
# there with --no-network; what is said where this user may have none.  What comes back when
# something is sent is tests/guest/network_test.c's business, and the gateway's.
. "$(dirname "$0")/lib/tap.sh"
requires qemu-system-x86_64 jq
. "$(dirname "$0")/lib/matchlock.sh"

looks='ip -o addr | sed "s/  */ /g; s/ scope.*//"; ip route | grep default
	cat /sys/class/net/*/address /sys/class/net/eth0/mtu 2>/dev/null; cat /etc/resolv.conf'
lo='1: lo inet 127.0.0.1/8
1: lo inet6 ::1/128'
resolvers='nameserver 8.8.8.8
nameserver 8.8.4.4'
card="$lo
2: eth0 inet 100.64.0.2/30 brd 100.64.0.3
default via 100.64.0.1 dev eth0 
02:00:64:40:00:02
00:00:00:00:00:00
1500
$resolvers"
none="$lo
00:00:00:00:00:00
$resolvers"

# each_is LEVEL ARG...: what the guests look like with and without a network, started so.
each_is() {
	local want=$1
	shift
	is "$(base "$@" --timings=json -- sh -c "$looks" 2>"$work/err")" "$card" "$want: the card"
	is "$(level_of "$work/err")" "$want" "... started from that"
	is "$(base "$@" --no-network --timings=json -- sh -c "$looks" 2>"$work/err")" "$none" \
		"$want: --no-network leaves loopback"
	is "$(level_of "$work/err")" "$want" "... started from that"
}

export MATCHLOCK_TEMPLATE_BUILD=0
each_is "cold boot"
ml template create --quiet --generic matchlock/base
each_is "generic template"

# --- the templates of an image: one with a network, one without ---
is "$(ml template create matchlock/base)" "Created" "a template with a network"
is "$(level --no-network -- true)" "generic template" "... serves no sandbox without one"
is "$(ml template create --no-network matchlock/base)" "Created" "one without"
is "$(ml template ls --json | jq -c '[.[] | select(.image)] | map(.network) | sort')" \
	"[false,true]" "template ls tells them apart"
each_is "image template"
is "$(base --mtu 9000 --timings=json -- cat /sys/class/net/eth0/mtu 2>"$work/err"):$(level_of "$work/err")" \
	"9000:image template" "--mtu does not need a template of its own"
is "$(base --mtu 68 --no-template -- cat /sys/class/net/eth0/mtu)" 68 "... nor a boot"
like "$(base --mtu 65522 -- true 2>&1)" "*--mtu must be 68 to 65521, not 65522*" \
	"an MTU that no TAP has is refused"

# --- many ---
for i in $(seq 20); do
	base --timings=json -- cat /sys/class/net/eth0/operstate 2>"$work/err"
	level_of "$work/err"
done | sort | uniq -c | tr -s ' ' >"$work/many"
is "$(cat "$work/many")" " 20 image template
 20 up" "twenty starts in a row"
for i in 1 2 3 4; do
	base -- sh -c 'ip -o -4 addr show eth0 | grep -c 100.64.0.2' >"$work/one$i" &
done
wait
is "$(cat "$work"/one?)" "1
1
1
1" "four at once have the same address, each in a network of its own"

# --- where there is no TAP to be had ---
if [ "$(id -u)" -eq 0 ]; then
	mknod "$work/closed" c 10 200
	chmod 600 "$work/closed"
	mkdir "$work/empty"
	# without_tun WHAT ARG...: `run` where WHAT is in the place of the device or of its folder.
	without_tun() {
		local place=/dev/net/tun what=$1
		[ -d "$what" ] && place=/dev/net
		shift
		HOME=$home unshare -m sh -c 'mount --bind "$0" "$1" && shift && exec "$@"' \
			"$what" "$place" $drop "$ml" run --image matchlock/base "$@" 2>&1
	}
	out=$(without_tun "$work/closed" -- true)
	is "$?:$out" "1:starting sandbox: network: this user may not open /dev/net/tun; 'sudo matchlock setup linux' allows it, --no-network does without" \
		"a device that is closed to the user: what opens it"
	out=$(without_tun "$work/empty" -- true)
	is "$?:$out" "1:starting sandbox: network: this host has no /dev/net/tun; 'sudo matchlock setup linux' makes it, --no-network does without" \
		"no device: what makes it"
	is "$(without_tun "$work/closed" --no-network -- echo works)" works \
		"--no-network works there"
else
	skip "without a TAP" "only root can take the device away"
fi
leaves_nothing "after all"
done_testing
