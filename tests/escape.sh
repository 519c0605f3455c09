#!/bin/sh
# SPDX-License-Identifier: MIT
# Root in a privileged guest looks for a way past its policy, by every means that we know of; all that
# leaves the host meanwhile is looked at.  Everything that it must not reach is there and answers.
. "$(dirname "$0")/lib/tap.sh"
requires qemu-system-x86_64 curl jq sqlite3
. "$(dirname "$0")/lib/world.sh"
. "$(dirname "$0")/lib/matchlock.sh"
. "$(dirname "$0")/lib/store.sh"
. "$(dirname "$0")/lib/tools_image.sh"

tools_image
list='*.allowed.org,*.tunnel.org'
# Where that list leads to.
allowed="(host $resolver and port 53) or ((port 80 or port 443) and (host 93.184.216.34 or
	host 93.184.216.36 or host 93.184.216.37 or host 93.184.216.38 or host 2606:2800:220:1::34))"

# nothing_else NAME: that is all that has been on the wire, and no name but those was asked for.
nothing_else() {
	capture_stop
	is "$(captured "not ($allowed)")" "" "$1: not one packet past the policy"
	is "$(asked | grep -v -e '\.allowed\.org$' -e '\.tunnel\.org$')" "" "... nor name"
	capture_start
}

# denied NAME <LINES: tried by net_probe they are all reset, or answered by us.
denied() {
	is "$(probe tcp | grep -v -e '-> reset$' -e '-> failed$' -e '-> silence$' -e '-> unknown$' \
		-e '-> closed HTTP/1.1 403 Forbidden|' -e '-> closed HTTP/1.1 502 Bad Gateway|')" "" "$1"
}

# each TARGETS SAYINGS: the lines for a probe of each with each.
each() {
	local target saying
	for target in $1; do
		for saying in $2; do
			echo "$target $(echo "$saying" | tr = ' ')"
		done
	done
}

capture_start
is "$(as_user curl -s http://169.254.169.254/)" "169.254.169.254 169.254.169.254:80" \
	"without a sandbox the metadata address answers"
like "$(as_user busybox nc 127.0.0.1 5432 </dev/null)" "hello*" "... and the host's services"
capture_stop
like "$(captured "not ($allowed)")" "*169.254.169.254.80*127.0.0.1.5432*" "... and both are seen"
forget_seen

host_state >"$world/before"
capture_start
up --privileged --allow-host "$list"
cell=$vm
up --allow-host "$list"
neighbour=$vm
vm=$cell

# --- below IP, and IP ---
like "$(probe frames </dev/null)" "[1-9]?? frames" "hostile frames go out"
ml exec "$vm" -- sh -c '
	ping -c 1 -W 1 8.8.8.8; ping -c 1 -W 1 100.64.0.1; ping -c 1 -W 1 10.1.2.3
	traceroute -n -m 2 -q 1 -w 1 93.184.216.35; traceroute -I -n -m 2 -q 1 -w 1 93.184.216.35
	udhcpc -n -q -t 1 -T 1 -i eth0
	sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth0.disable_ipv6=0
	sysctl -w net.ipv6.conf.eth0.accept_dad=0; ip -6 addr add 2600:3c01::77/64 dev eth0
	ip -6 route add default via 2600:3c01::1 dev eth0; ping -6 -c 1 -W 1 2600:3c01::1
	ip addr add 192.168.77.99/24 dev eth0; ping -c 1 -W 1 192.168.77.2
	nc -w 1 192.168.77.2 80 </dev/null; arping -c 1 -w 1 -I eth0 192.168.77.2
	ip addr del 192.168.77.99/24 dev eth0
	ip link set eth0 address 02:00:00:00:00:02; ping -c 1 -W 1 8.8.8.8
	ip link set eth0 address 02:00:64:40:00:02' >"$work/stack" 2>&1
is "$(grep -c '100% packet loss' "$work/stack")" 6 "no ping is answered"
nothing_else "frames, ICMP, UDP, IPv6, other addresses"

# --- addresses ---
closed="8.8.8.8 1.1.1.1 93.184.216.34 93.184.216.35 93.184.216.37 45.33.32.1 $host_ip $resolver
	192.168.77.1 192.168.77.2 192.168.77.3 10.1.2.3 172.16.9.9 169.254.169.254 100.64.0.1
	100.64.0.5 198.18.77.77 192.0.2.1 203.0.113.1 0.0.0.1 224.0.0.1 240.0.0.1 255.255.255.255"
each "$closed" "22=- 80=http:www.allowed.org 443=tls:www.allowed.org 853=- 3128=http:www.allowed.org
	5432=- 8080=http:www.allowed.org" >"$work/lines"
denied "no literal address" <"$work/lines"
each "inside metadata both nat64 inside6 myself loop zero" \
	"80=http:www.allowed.org 443=tls:www.allowed.org" | sed 's/ /.allowed.org /' >"$work/lines"
denied "no name that leads to one that is not public" <"$work/lines"
each www.allowed.org "22=- 81=- 2525=- 8080=http:www.allowed.org 8443=tls:www.allowed.org" \
	>"$work/lines"
denied "no other port of an allowed name" <"$work/lines"
seq -f '93.184.216.35 %g -' 1000 1999 >"$work/lines"
denied "a scan of a server" <"$work/lines"
# Port 53 is the name server's; at 80 a denial waits for a request to answer.
seq -f '100.64.0.1 %g -' 1 999 | grep -v -e ' 53 ' -e ' 80 ' >"$work/lines"
denied "a scan of the gateway" <"$work/lines"
ml exec -i "$neighbour" -- sh -c 'echo secret | nc -l -p 999' </dev/null >/dev/null &
is "$(echo '100.64.0.2 999 -' | probe tcp)" "100.64.0.2 999 - -> failed" "the other sandbox's guest"
nothing_else "addresses"
is "$(callers)" "" "... and no service of the host was called"

# --- names ---
denied "TLS that is not what it should be" <<'EOF'
www.allowed.org 443 tls:www.denied.org
www.allowed.org 443 tls:
www.allowed.org 443 tls:93.184.216.35
www.allowed.org 443 tls:other.allowed.org
www.allowed.org 443 tls:www.allowed.org.denied.org
www.allowed.org 443 ech:www.allowed.org
www.allowed.org 443 http:www.allowed.org
www.allowed.org 443 text:SSH-2.0-OpenSSH_9.2\r\n
www.allowed.org 80 tls:www.allowed.org
www.allowed.org 80 text:SSH-2.0-OpenSSH_9.2\r\n
EOF
is "$(requests)" "" "... brings no request to a server"

get='GET /smuggled HTTP/1.1\r\nHost: www.denied.org\r\n\r\n'
post='POST / HTTP/1.1\r\nHost: www.allowed.org\r\n'
sed 's/^/www.allowed.org 80 text:/' <<EOF | probe tcp >"$work/http"
GET / HTTP/1.1\r\nHost: www.denied.org\r\n\r\n
GET / HTTP/1.1\r\nHost: www.allowed.org\r\nHost: www.denied.org\r\n\r\n
GET http://www.denied.org/ HTTP/1.1\r\nHost: www.allowed.org\r\n\r\n
GET http://www.allowed.org/ HTTP/1.1\r\nHost: www.denied.org\r\n\r\n
GET / HTTP/1.1\r\nHost: www.allowed.org@www.denied.org\r\n\r\n
GET / HTTP/1.1\r\nHost: www.denied.org#.allowed.org\r\n\r\n
GET / HTTP/1.1\r\nHost : www.denied.org\r\n\r\n
GET / HTTP/1.1\r\nHost: www.allowed.org\r\n www.denied.org\r\n\r\n
GET / HTTP/1.1\nHost: www.denied.org\n\n
GET / HTTP/1.0\r\n\r\n
GET / HTTP/1.1\r\n\r\n
GET /smuggled
PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n
CONNECT www.denied.org:443 HTTP/1.1\r\nHost: www.denied.org:443\r\n\r\n
CONNECT www.allowed.org:22 HTTP/1.1\r\nHost: www.allowed.org:22\r\n\r\n
GET / HTTP/1.1\r\nHost: www.allowed.org\r\n\r\n$get
${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n$get
${post}Content-Length: 4\r\nContent-Length: 0\r\n\r\n$get
${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n$get
${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n$get
${post}Transfer-Encoding: chunked\r\n\r\n0;\nx\r\n\r\n$get
${post}Transfer-Encoding: chunked\r\n\r\n0\r\nHost: www.denied.org\r\n\r\n$get
${post}Transfer-Encoding: chunked\r\n\r\n00000000000000000\r\n\r\n$get
${post}Content-Length: +0\r\n\r\n$get
${post}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n$get
EOF
is "$(grep -c -e '->' "$work/http")" 25 "smuggled requests are sent"
is "$(requests | grep -e denied -e smuggled)" "" "... and none arrives"
is "$(requests | cut -d ' ' -f 2 | sort -u)" "www.allowed.org" "... but for those to the allowed name"
nothing_else "names in TLS and HTTP"

# --- DNS ---
forget_asked
each "www.denied.org secret.www.denied.org denied.allowed.org.evil.net org com localhost
	1.2.3.10.in-addr.arpa 35.216.184.93.in-addr.arpa www.allowed.org.denied.org _.x" \
	"A AAAA TXT MX SRV PTR 10 HTTPS ANY AXFR" | probe dns >"$work/dns"
is "$(grep -v -e NXDOMAIN -e REFUSED -e NOTIMP -e FORMERR "$work/dns")" "" "no other name is answered"
is "$(asked)" "" "... nor asked for"
seq -f 'data%g.tunnel.org A' 3000 | probe dns >"$work/dns"
count=$(asked | wc -l)
check "a pattern is no tunnel: of 3000 names $count were asked for" [ "$count" -le 700 ]
forget_asked
seq -f 'more%g.tunnel.org TXT' 3000 | probe dns >"$work/dns"
count=$(asked | wc -l)
check "... of 3000 more $count" [ "$count" -le 200 ]
like "$(echo 'www.allowed.org A' | probe dns)" "www.allowed.org A -> answered NOERROR 198.18.0.*" \
	"... and a name that is known is answered meanwhile"
nothing_else "DNS"

# --- a name that moves ---
answers re.allowed.org 10.1.2.3
denied "a name that is private now" <<'EOF'
re.allowed.org 80 http:re.allowed.org
EOF
answers moves.allowed.org 93.184.216.38
like "$(echo 'moves.allowed.org 80 http:moves.allowed.org' | probe tcp)" \
	"*moves.allowed.org 93.184.216.38:80|" "one that is public"
answers moves.allowed.org 10.1.2.3
like "$(echo 'moves.allowed.org 80 http:moves.allowed.org' | probe tcp)" \
	"*moves.allowed.org 93.184.216.38:80|" "... and then private stays where it was, for a while"
if [ -n "${MATCHLOCK_SOAK:-}" ]; then
	sleep 35
	denied "... and is denied then" <<'EOF'
moves.allowed.org 80 http:moves.allowed.org
EOF
fi
nothing_else "a name that moves"

# --- while the policy changes, and after ---
# What a guest does that never stops: the allowed and the denied, at once.
traffic='while :; do
	timeout 2 wget -q -O - http://www.allowed.org/data/big
	net_probe frames; ping -c 1 -W 1 8.8.8.8; timeout 2 wget -q -O - http://10.1.2.3/
	echo "93.184.216.35 80 http:www.allowed.org" | net_probe tcp
done >/dev/null 2>&1'
wait_traffic() {
	forget_seen
	until requests | grep -q data/big; do # which is there when it has ended
		sleep 0.1
	done
}
truncate -s 100M "$world/data/big"
ml exec "$vm" -- sh -c "$traffic" &
wait_traffic
ml allow-list delete "$vm" "$list" >/dev/null
capture_mark
forget_seen
denied "a list that was emptied denies" <<'EOF'
www.allowed.org 80 http:www.allowed.org
EOF
capture_stop
is "$(captured "not ($allowed)")" "" "while a list changes: not one packet past the policy"
is "$(captured_since "ip or ip6")" "" "... and after it none at all"
is "$(asked | grep -v -e '\.allowed\.org$' -e '\.tunnel\.org$')$(requests)" "" "... nor name"
capture_start
down
vm=$neighbour
down

# --- the end, however it comes ---
process_of() {
	local pid
	pid=$(ml get "$vm" | jq .pid)
	case $1 in
	supervisor) echo "$pid" ;;
	*) pgrep -P "$pid" -f "$1" ;;
	esac
}

is_over() {
	[ -z "$(vm_processes)$(pgrep -f "^$ml __gateway")$(pgrep -f "^$ml __resolver")" ]
}

for victim in __gateway __resolver qemu-system supervisor; do
	up --privileged --allow-host "$list"
	ml exec "$vm" -- sh -c "$traffic" 2>/dev/null &
	wait_traffic
	kill -9 "$(process_of "$victim")"
	tries=100
	until is_over || [ "$tries" -eq 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	check "$victim is killed: all processes end" is_over
	capture_mark
	capture_stop
	is "$(captured "not ($allowed)")" "" "... not one packet past the policy"
	is "$(captured_since "ip or ip6")" "" "... and then none at all"
	capture_start
	ml rm "$vm" >/dev/null
done
capture_stop

host_state >"$world/after"
is "$(diff "$world/before" "$world/after")" "" "the host's own network is as it was"
leaves_nothing "after all"
done_testing
