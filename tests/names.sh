#!/bin/sh
# SPDX-License-Identifier: MIT
# How a guest's names reach the host's name servers: the real server and the real resolver process
# in its jail, in a network of their own where dnsmasq is what /etc/resolv.conf names.
. "$(dirname "$0")/lib/tap.sh"
requires dnsmasq unshare python3
if [ -z "${NAMES_INSIDE:-}" ]; then
	[ "$(id -u)" -eq 0 ] || user="--user --map-root-user"
	unshare ${user:-} --net true 2>/dev/null || skip_all "no namespace can be made here"
	trap - EXIT HUP INT TERM
	NAMES_INSIDE=1 exec unshare ${user:-} --net --mount --pid --fork --kill-child --mount-proc "$0"
fi

ml=$MATCHLOCK_BUILD/src/cli/matchlock
name_server=$MATCHLOCK_BUILD/tests/name_server
dns=$(dirname "$0")/lib/dns.py
tmp=$(mktemp -d "${TMPDIR:-/tmp}/matchlock-names.XXXXXX")
cleanup_fn rm -rf "$tmp"
guest=127.0.0.9 # where the guest's server stands
bad=127.0.0.3	# a hostile one, which dnsmasq does not know

# --- the host

# host_file NAME: standard input is /etc/NAME from here on.
host_file() {
	local new=
	[ -e "$tmp/$1" ] || new=1
	cat >"$tmp/$1"
	[ -z "$new" ] || { mount --bind "$tmp/$1" "/etc/$1" && cleanup_fn umount "/etc/$1"; }
}

ip link set lo up
host_file nsswitch.conf <<EOF
hosts: files dns
EOF
host_file hosts <<EOF
127.0.0.1 localhost
10.9.8.7 in.hosts-file.example
EOF
host_file resolv.conf <<EOF
nameserver 127.0.0.1
search corp.example
options ndots:3
EOF
long=$(printf '%0240d' 0)
dnsmasq --conf-file=/dev/null --keep-in-foreground --no-resolv --no-hosts --user=root --group= \
	--log-queries --log-facility="$tmp/queries" --pid-file= \
	--listen-address=127.0.0.1 --bind-interfaces --local=/example/ --local=/org/ \
	--host-record=both.example,93.184.216.34,2606:2800::1 \
	--host-record=six.example,2606:2800::2 \
	--host-record=four.example,93.184.216.35 --host-record=four.example,93.184.216.36 \
	--host-record=nowhere.org.corp.example,93.184.216.99 \
	--cname=alias.example,second.example --cname=second.example,both.example \
	--txt-record=txt.example,"hello world" \
	--txt-record=big.example,"$long","$long","$long","$long","$long","$long","$long","$long" \
	--mx-host=both.example,mail.example,10 \
	--srv-host=_ldap._tcp.example,srv.example,389,1,2 \
	--caa-record=both.example,0,issue,pki.example \
	--host-record=xn--bcher-kva.example,93.184.216.40 &
python3 "$dns" bad "$bad" >"$tmp/bad.ready" &

await() {
	local tries=300
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { echo "Bail out! $* never came"; exit 1; }
		sleep 0.1
	done
}

await python3 "$dns" ask 127.0.0.1 A four.example
await grep -q ready "$tmp/bad.ready"

# addresses NAME...: rcode and addresses of each, in the order of the names.
addresses() {
	"$name_server" "$ml" "$tmp/audit" addresses "$@" | sort -s -k 1,1
}

# serve [ALLOWED...]: the guest's server from here on, with an empty audit and query log.
serve() {
	stop
	: >"$tmp/audit"
	: >"$tmp/queries"
	rm -f "$tmp/input" "$tmp/ready"
	mkfifo "$tmp/input"
	"$name_server" "$ml" "$tmp/audit" serve "$guest" "$@" <"$tmp/input" >"$tmp/ready" \
		2>>"$tmp/errors" &
	server=$!
	exec 9>"$tmp/input"
	await grep -q ready "$tmp/ready"
}

server=
stop() {
	[ -n "$server" ] || return 0
	exec 9>&-
	wait "$server"
	server=
}

# asks WANT [tcp] TYPE NAME
asks() {
	local want=$1
	shift
	is "$(python3 "$dns" ask "$guest" "$@")" "$want" "$*: $want"
}

queried() {
	grep -o 'query\[[^]]*\] [^ ]*' "$tmp/queries" | sed 's/query\[\(.*\)\] /\1 /' | sort -u
}

# --- what the resolver process finds out

# found WANT NAME: the order of its addresses is the C library's to say.
found() {
	is "$(addresses "$2" | tr ' ' '\n' | sort | xargs)" "$1" "addresses: $1"
}

found "0 2606:2800::1 93.184.216.34 both.example" both.example
found "0 93.184.216.35 93.184.216.36 four.example" four.example
found "0 2606:2800::1 93.184.216.34 alias.example" alias.example
is "$(addresses six.example)" "six.example 0 2606:2800::2" "an IPv6 address alone"
is "$(addresses in.hosts-file.example)" "in.hosts-file.example 0 10.9.8.7" "the host's own file counts"
is "$(addresses localhost | cut -d' ' -f 1-3)" "localhost 0 127.0.0.1" "localhost is known"
is "$(addresses missing.example txt.example)" "missing.example 3
txt.example 0" "a name that does not exist, and one without addresses"
is "$(addresses nowhere.org)" "nowhere.org 3" "the host's search domains are not tried"
is "$(addresses xn--bcher-kva.example)" "xn--bcher-kva.example 0 93.184.216.40" "an A-label"

# --- what a guest is told

serve
asks "NOERROR 198.18.0.1" A both.example
asks "NOERROR 198.18.0.2" A four.example
asks "NOERROR 198.18.0.1" tcp A both.example
asks "NOERROR both.example" PTR 1.0.18.198.in-addr.arpa
asks "NOERROR" AAAA both.example
asks "NOERROR" HTTPS both.example
asks "NOERROR 198.18.0.3" A alias.example
asks "NXDOMAIN" A missing.example
asks "NXDOMAIN" AAAA missing.example
asks "NOERROR" A txt.example
asks "NOERROR $(printf '\013')hello world" TXT txt.example
asks "NOERROR 10 mail.example" MX both.example
asks "NOERROR 1 2 389 srv.example" SRV _ldap._tcp.example
asks "NOERROR $(printf '\0')$(printf '\005')issuepki.example" CAA both.example
asks "NXDOMAIN" TXT missing.example
asks "NOERROR TC" TXT big.example
asks "NOERROR 1928 bytes" tcp TXT big.example
asks "NXDOMAIN" A localhost
asks "NXDOMAIN" A metadata.google.internal
check_fails "local names and reverse lookups were not sent to the host's name server" \
	grep -E 'localhost|internal|in-addr' "$tmp/queries"

serve "*.example:22" both.org
asks "NOERROR 198.18.0.1" A both.example
asks "NXDOMAIN" A secret-1.evil.org
asks "NXDOMAIN" TXT secret-2.evil.org
asks "NXDOMAIN" AAAA secret-3.evil.org
asks "NXDOMAIN" MX secret-4.evil.org
asks "NXDOMAIN" tcp A secret-5.evil.org
asks "NXDOMAIN" SRV _secret-6._tcp.evil.org
asks "NXDOMAIN" PTR secret-7.in-addr.arpa
is "$(queried)" "A both.example
AAAA both.example" "of all that, the host's name server saw the allowed name only"
is "$(jq -r 'select(.verdict == "deny") | .host + " " + .type' "$tmp/audit" | wc -l)" 6 \
	"each denial is in the audit"

# --- name servers that are away, broken or hostile

stop
host_file resolv.conf <<EOF
nameserver $bad
options timeout:1 attempts:1
EOF
serve
asks "SERVFAIL" A broken.zone
asks "SERVFAIL" TXT broken.zone
asks "SERVFAIL" A refused.zone
asks "SERVFAIL" A silent.zone
asks "SERVFAIL" TXT silent.zone
# A record that is malformed is not handed on; a whole message that is one is a failure.
for kind in MX SRV TXT; do
	for name in loop far overlong empty; do
		[ "$kind $name" = "TXT loop" ] || [ "$kind $name" = "TXT far" ] ||
			asks "NOERROR" "$kind" "$name.zone"
	done
	asks "SERVFAIL" "$kind" counts.zone
done
asks "NOERROR" CNAME loop.zone
asks "NOERROR" NS far.zone
asks "NOERROR" MX short.zone
asks "NOERROR" SRV short.zone
is "$(python3 "$dns" ask "$guest" tcp TXT many.zone | wc -w)" 257 "no more records than the limit"
for name in loop far short overlong empty counts many; do
	asks "NXDOMAIN" A "$name.zone"
done
host_file resolv.conf <<EOF
nameserver 127.0.0.1
EOF
stop
serve
asks "NOERROR 198.18.0.1" A both.example
check "the resolver process ends with its gateway" stop
is "$(cat "$tmp/errors")" "" "nobody had to complain"
done_testing
