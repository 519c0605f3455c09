#!/bin/sh
# SPDX-License-Identifier: MIT
# What a sandbox reaches, and how: real servers, clients and a resolver, and after each part a look at
# all that has left the host.  What it must not reach is tests/escape.sh's.
. "$(dirname "$0")/lib/tap.sh"
[ -z "${MATCHLOCK_START:-}" ] || [ -n "${MATCHLOCK_SOAK:-}" ] ||
	skip_all "only make soak tries it from each start"
requires qemu-system-x86_64 curl jq sqlite3
. "$(dirname "$0")/lib/world.sh"
. "$(dirname "$0")/lib/matchlock.sh"
. "$(dirname "$0")/lib/store.sh"
. "$(dirname "$0")/lib/tools_image.sh"

web=93.184.216.34
service="src and dst host 127.0.0.1 and port 5432"
tools_image curl dbclient iperf3
head -c 16000000 /dev/urandom >"$world/data/big"
big=$(sha256sum <"$world/data/big" | cut -d ' ' -f 1)
audit=$home/audit

# decisions FILTER: the lines of the audit that jq's filter lets through, without what differs from
# run to run.
decisions() {
	jq -c "select($1) | del(.seq, .time, .time_ms, .id, .flow, .duration_ms)" "$audit"
}

# only NAME FILTER...: nothing was on the wire but what one of tcpdump's filters lets through, and
# questions to the resolver; the audit has all its lines.
only() {
	local name=$1 filter="host $resolver and port 53" more
	shift
	for more; do
		filter="($filter) or ($more)" # for tcpdump and does not bind closer than or
	done
	capture_stop
	is "$(captured "not ($filter)")" "" "$name: nothing else has left the host"
	is "$(jq -s 'map(.seq) == [range(1; length + 1)]' "$audit")" true \
		"... and the audit has no gap"
}

# --- by a list -------------------------------------------------------------------------------
capture_start
up --audit "$audit" --allow-host www.allowed.org,bin.allowed.org,six.allowed.org,half.allowed.org \
	--allow-host '*.tunnel.org,shell.allowed.org:22,shell.allowed.org:2525' \
	--allow-host shell.allowed.org:7000,shell.allowed.org:5201 \
	--allow-host 93.184.216.38:8080,1.1.1.0/24,192.168.77.2:5432,lan.internal \
	--allow-private 192.168.77.2/32 --add-host lan.internal:10.1.2.3 \
	--allow-host-service db.internal=127.0.0.1:5432

like "$(guest 'wget -qO- http://www.allowed.org/hi')" "www.allowed.org *:80" "HTTP to a name"
like "$(guest 'curl -sS --cacert /ca.pem https://www.allowed.org/hi')" "www.allowed.org *:443" \
	"TLS, with the server's own certificate"
is "$(guest 'curl -sS http://six.allowed.org/')" "six.allowed.org 2606:2800:220:1::34:80" \
	"a server that has IPv6 only"
is "$(guest 'curl -sS -m 5 http://half.allowed.org/')" "half.allowed.org $web:80" \
	"a name one of whose addresses does not answer"
is "$(guest 'curl -sS http://any.thing.tunnel.org/')" "any.thing.tunnel.org $web:80" \
	"a name of a pattern"
is "$(guest 'curl -sS http://93.184.216.38:8080/')" "93.184.216.38 93.184.216.38:8080" \
	"a literal address at its port"
is "$(guest 'curl -sSk https://1.1.1.1:8443/')" "1.1.1.1 1.1.1.1:8443" "one of a range, any port"
is "$(guest 'curl -sS http://lan.internal/; grep lan /etc/hosts')" "lan.internal 10.1.2.3:80
10.1.2.3 lan.internal" "--add-host"

is "$(guest "curl -sS http://www.allowed.org/data/big | sha256sum")" "$big  -" "16 MB down"
is "$(guest "curl -sS http://www.allowed.org/data/big | nc shell.allowed.org 7000")" \
	"16000000 $big" "16 MB up, of a connection that ends one way and is answered the other"
is "$(guest 'echo x | nc shell.allowed.org 2525')" "hello
x" "a server that speaks first"
is "$(guest 'dbclient -y -i /user.key git@shell.allowed.org "id -un" 2>/dev/null')" git "ssh"
check "iperf3, both ways" guest 'iperf3 -t 1 -c shell.allowed.org && iperf3 -R -t 1 -c shell.allowed.org'
is "$(guest 'head -c 300000 /bin/busybox | curl -sS -H "Expect: 100-continue" --data-binary @- \
	-H Content-Type:application/octet-stream http://bin.allowed.org/post' |
	jq -r '.headers["Content-Length"], (.data | length > 300000)')" "300000
true" "an upload by HTTP"
is "$(guest 'curl -sS http://bin.allowed.org/stream/20' | jq -s length)" 20 "an answer in chunks"

is "$(probe tcp <<'EOF'
db.internal 5432 -
lan.internal 5432 -
192.168.77.2 5432 -
EOF
)" "db.internal 5432 - -> open hello|
lan.internal 5432 - -> reset
192.168.77.2 5432 - -> open hello|" "a service of the host's loopback; a private address at its port"

is "$(probe dns <<'EOF'
www.allowed.org A
WwW.aLLoWed.oRg A 1.1.1.1
www.allowed.org AAAA
www.allowed.org HTTPS
www.allowed.org TXT
1.0.18.198.in-addr.arpa PTR
www.denied.org A
www.denied.org TXT
alias.allowed.org A
35.216.184.93.in-addr.arpa PTR
EOF
)" "www.allowed.org A -> answered NOERROR 198.18.0.1
WwW.aLLoWed.oRg A 1.1.1.1 -> answered NOERROR 198.18.0.1
www.allowed.org AAAA -> answered NOERROR
www.allowed.org HTTPS -> answered NOERROR
www.allowed.org TXT -> answered NOERROR 16:7
1.0.18.198.in-addr.arpa PTR -> answered NOERROR 12:17
www.denied.org A -> answered NXDOMAIN
www.denied.org TXT -> answered NXDOMAIN
alias.allowed.org A -> answered NXDOMAIN
35.216.184.93.in-addr.arpa PTR -> answered NXDOMAIN" "DNS, whatever server is asked"
is "$(probe tcp <<'EOF'
9.9.9.9 53 query:www.allowed.org
9.9.9.9 53 query:www.denied.org
EOF
)" "9.9.9.9 53 query:www.allowed.org -> open NOERROR 198.18.0.1
9.9.9.9 53 query:www.denied.org -> open NXDOMAIN" "DNS over TCP"

denied="matchlock: denied: www.denied.org:80: host not in allowlist"
is "$(guest 'curl -sS -o /dev/null -w "%{http_code}" -H "Host: www.denied.org" http://www.allowed.org/')" \
	403 "HTTP to a name that is not on the list"
like "$(guest 'curl -sS -H "Host: www.denied.org" http://www.allowed.org/')" \
	"*www.denied.org*host not in allowlist*matchlock allow-list add $vm www.denied.org*" \
	"... says which, why, and what would allow it"
like "$(probe tcp <<'EOF'
www.allowed.org 80 text:GET /1 HTTP/1.1\r\nHost: www.allowed.org\r\n\r\nGET /2 HTTP/1.1\r\nHost: www.denied.org\r\n\r\n
EOF
)" "*HTTP/1.1 200 OK*" "a second request is asked about by itself"
is "$(requests | grep -e denied -e ' /2 ')" "" "... and did not arrive"
like "$(guest 'curl -sSL "http://bin.allowed.org/redirect-to?url=http://www.denied.org/"')" \
	"*Could not resolve host: www.denied.org*" "a redirect elsewhere"
is "$(probe tcp <<'EOF'
93.184.216.35 22 -
www.allowed.org 22 -
www.allowed.org 443 tls:www.denied.org
EOF
)" "93.184.216.35 22 - -> reset
www.allowed.org 22 - -> reset
www.allowed.org 443 tls:www.denied.org -> reset" "other denials are resets"

is "$(asked | tr '\n' ' ')" "any.thing.tunnel.org bin.allowed.org half.allowed.org \
shell.allowed.org six.allowed.org www.allowed.org " \
	"the resolver was asked for names of the list only"
only "a list" "(host $web or host 2606:2800:220:1::34) and (port 80 or port 443)" \
	"(host 93.184.216.33 or host 93.184.216.36 or host 10.1.2.3) and port 80" \
	"host 93.184.216.37 and (port 22 or port 2525 or port 7000 or port 5201)" \
	"host 93.184.216.38 and port 8080" "host 1.1.1.1 and port 8443" \
	"host 192.168.77.2 and port 5432" "$service"

# --- the audit -------------------------------------------------------------------------------
is "$(decisions '.host == "www.denied.org" and .type == "A"' | head -n 1)" \
	'{"what":"dns","verdict":"deny","entry":"www.denied.org","reason":"host not in allowlist","remedy":"matchlock allow-list add '"$vm"' www.denied.org","host":"www.denied.org","type":"A"}' \
	"the audit of a name that was denied"
is "$(decisions '.host == "www.allowed.org" and .path == "/hi" and .what == "http"')" \
	'{"what":"http","verdict":"allow","rule":"allow-host www.allowed.org","host":"www.allowed.org","port":80,"method":"GET","path":"/hi"}' \
	"... of a request"
is "$(decisions '.what == "http" and .verdict == "deny" and .path == "/2"')" \
	'{"what":"http","verdict":"deny","entry":"www.denied.org","reason":"host not in allowlist","remedy":"matchlock allow-list add '"$vm"' www.denied.org","host":"www.denied.org","port":80,"method":"GET","path":"/2","status":403}' \
	"... of one that was denied"
is "$(decisions '.what == "tls"' | grep denied)" \
	'{"what":"tls","verdict":"deny","entry":"www.denied.org","reason":"host not in allowlist","remedy":"matchlock allow-list add '"$vm"' www.denied.org","host":"www.denied.org","port":443}' \
	"... of a name in TLS"
is "$(decisions '.what == "connect" and .port == 7000' | uniq)" \
	'{"what":"connect","verdict":"allow","rule":"allow-host shell.allowed.org:7000","host":"shell.allowed.org","port":7000}' \
	"... of a connection"
is "$(decisions '.what == "end" and .port == 7000' | jq -c '[.ip, .sent, .received > 64]')" \
	'["93.184.216.37",16000000,true]' "... of its end: where it went, how many bytes"
is "$(jq -c -s 'map(select(.what == "end") | .flow) as $ended | .[] |
	select(.what == "connect" and .verdict == "allow" and ([.flow] | inside($ended) | not))' \
	"$audit")" "" "each connection has its end"
is "$(jq -r .id "$audit" | sort -u)" "$vm" "each line has the sandbox"
totals='map(select(.what == "end")) | [(map(.sent) | add), (map(.received) | add)]'
is "$(ml stats --json "$vm" | jq -c '.. | objects | select(.denied? > 5) | [.sent, .received]')" \
	"$(jq -c -s "$totals" "$audit")" "the counters of stats agree with it"

# --- a list that changes ---------------------------------------------------------------------
capture_start
before=$(ml allow-list show "$vm" | sed 's/^allow-host //' | grep -v '^allow' | paste -s -d ,)
is "$(ml allow-list add "$vm" www.denied.org)" "Added to $vm: www.denied.org
Current allow-list: $before,www.denied.org" \
	"allow-list add"
like "$(guest 'curl -sS http://www.denied.org/')" "www.denied.org *:80" "... acts at once"
ml exec -i "$vm" -- sh -c 'mkfifo /tmp/quiet; nc shell.allowed.org 2525 <>/tmp/quiet; echo ended' \
	</dev/null >"$work/cut" &
until grep -q hello "$work/cut"; do sleep 0.1; done
ml allow-list delete "$vm" www.denied.org,shell.allowed.org:2525 >/dev/null
wait $!
is "$(cat "$work/cut")" "hello
ended" "allow-list delete cuts what it no longer allows"
is "$(guest 'curl -sS -o /dev/null -w "%{http_code}" http://www.denied.org/ || :')" \
	"000curl: (6) Could not resolve host: www.denied.org" "... and denies it from then on"
ml allow-list delete "$vm" "$before" >/dev/null
like "$(probe tcp <<'EOF'
1.1.1.1 80 http:www.allowed.org
db.internal 5432 -
EOF
)" "1.1.1.1 80 http:www.allowed.org -> closed HTTP/1.1 403 *
db.internal 5432 - -> open hello|" "an emptied list denies; the host's service stays"
only "a list that changes" "host 93.184.216.35" "host 2606:2800:220:1::35" \
	"host 93.184.216.37 and port 2525" "$service"
down

# --- without a list --------------------------------------------------------------------------
rm -f "$audit"
capture_start
up --audit "$audit"
like "$(guest 'curl -sS http://www.denied.org/')" "www.denied.org *:80" "no list: any public name"
is "$(guest 'curl -sSk https://93.184.216.35:8443/')" "93.184.216.35 93.184.216.35:8443" \
	"... any public address and port"
is "$(probe dns <<'EOF'
allowed.org MX
_sip._tcp.allowed.org SRV
nowhere.allowed.org A
EOF
)" "allowed.org MX -> answered NOERROR 15:20
_sip._tcp.allowed.org SRV -> answered NOERROR 33:23
nowhere.allowed.org A -> answered NXDOMAIN" "... and what else the resolver knows"
is "$(probe tcp <<'EOF' | grep -c -e '-> reset$' -e '-> closed HTTP/1.1 403 .*(RFC 1918)' -e 'metadata address'
10.1.2.3 80 http:a
192.168.77.2 22 -
169.254.169.254 80 http:a
EOF
)" 3 "... but nothing private"
only "no list" "host 93.184.216.35" "host 2606:2800:220:1::35"
down

# --- --audit-only ----------------------------------------------------------------------------
rm -f "$audit"
capture_start
ml run --rm --image tools --audit "$audit" --audit-only --allow-host www.allowed.org -- sh -c \
	'curl -sS http://www.allowed.org/; curl -sS -k https://www.denied.org/; curl -sS http://93.184.216.38:8080/
	curl -sS -m 5 http://inside.allowed.org/' >"$work/out" 2>"$work/err"
is "$(grep -c 'org\|93' "$work/out")" 3 "--audit-only denies nothing public"
like "$(cat "$work/err")" "*allow-host 93.184.216.38:8080*" "... and says at the end"
like "$(cat "$work/err")" "*allow-host www.denied.org*" "... which list would have been enough"
sed -n '/^allow/p' "$work/err" >"$work/found.policy"
only "--audit-only" "host $web" "host 2606:2800:220:1::34" "host 93.184.216.35" \
	"host 2606:2800:220:1::35" "host 93.184.216.38 and port 8080"
rm -f "$audit"
capture_start
is "$(ml run --rm --image tools --audit "$audit" --policy "$work/found.policy" -- sh -c \
	'curl -sS -k https://www.denied.org/ && curl -sS http://93.184.216.38:8080/ &&
	curl -sS http://other.allowed.org/' 2>&1 | tail -n 1)" \
	"curl: (6) Could not resolve host: other.allowed.org" "--policy allows just that"
only "--policy" "host 93.184.216.35" "host 2606:2800:220:1::35" "host 93.184.216.38 and port 8080"

# --- through a proxy -------------------------------------------------------------------------
rm -f "$audit"
forget_seen
capture_start
up --audit "$audit" --upstream-proxy http://proxy:secret@192.168.77.3:3129 \
	--allow-host www.allowed.org,shell.allowed.org:2525 --allow-host-service db.internal=127.0.0.1:5432
like "$(guest 'curl -sS http://www.allowed.org/p')" "www.allowed.org *:80" "HTTP through a proxy"
like "$(guest 'curl -sS --cacert /ca.pem https://www.allowed.org/p')" "www.allowed.org *:443" "TLS"
# (A client that ends its side before the answer is too much for tinyproxy.)
is "$(probe tcp <<'EOF'
shell.allowed.org 2525 text:x\r\n
EOF
)" 'shell.allowed.org 2525 text:x\r\n -> open hello|x|' "another protocol"
is "$(probe tcp <<'EOF'
192.168.77.3 3129 http:www.denied.org
db.internal 5432 -
EOF
)" "192.168.77.3 3129 http:www.denied.org -> reset
db.internal 5432 - -> open hello|" "the proxy itself is closed; the host's service is not behind it"
is "$(grep -c secret "$audit")$(ml get "$vm" | grep -c secret)" 00 "its password is nowhere to be seen"
only "a proxy" "host 192.168.77.3 and port 3129" "$service"
down
rm -f "$audit"
capture_start
export NO_PROXY=www.allowed.org HTTPS_PROXY=http://192.168.77.3:3128
up --audit "$audit" --allow-host www.allowed.org,other.allowed.org
unset NO_PROXY HTTPS_PROXY
guest 'curl -sS http://www.allowed.org/; curl -sS http://other.allowed.org/' >/dev/null
only "NO_PROXY" "host 192.168.77.3 and port 3128" "host $web" "host 2606:2800:220:1::34"
like "$(captured "host 192.168.77.3")" "*192.168.77.3.3128*" "HTTPS_PROXY leads to the proxy"
down

leaves_nothing "after all"
done_testing
