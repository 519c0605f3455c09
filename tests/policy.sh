#!/bin/sh
# SPDX-License-Identifier: MIT
# `policy check` as a user and a script meet it.  Nothing here starts a VM or asks a name server: the
# names are those of /etc/hosts.
. "$(dirname "$0")/lib/tap.sh"

matchlock=${MATCHLOCK_BIN:-${MATCHLOCK_BUILD:?the build folder}/bin/matchlock}
tmp=$(mktemp -d)
cleanup_fn rm -rf "$tmp"
cd "$tmp"

# checked WANT NAME ARG...: "EXITCODE:OUTPUT" with the lines joined by "|".
checked() {
	local want=$1 name=$2 code=0
	shift 2
	"$matchlock" policy check "$@" >out 2>error </dev/null || code=$?
	is "$code:$(paste -s -d '|' out)$(cat error)" "$want" "$name"
}

any="any protocol"
open="rule: no list: every public host is allowed|for: $any"

checked "0:example.com:443: allowed|$open" "without a list the public internet" \
	Example.COM. --no-resolve
checked "0:8.8.8.8:53: allowed|$open" "... and its addresses" 8.8.8.8:53
checked "1:10.0.0.1:80: denied|reason: 10.0.0.1 is a private address (RFC 1918)|to allow it: matchlock run --allow-private 10.0.0.1" \
	"... but no private ones" 10.0.0.1:80
checked "0:10.0.0.1:80: allowed|$open" "... unless the range is opened" \
	10.0.0.1:80 --allow-private 10.0.0.0/8
checked "1:[::1]:443: denied|reason: ::1 is a loopback address|to allow it: matchlock run --allow-host-service 'service.internal=[::1]:443'" \
	"IPv6" "[::1]"

checked "0:a.example.com:443: allowed|rule: allow-host *.example.com|for: TLS to an allowed name" \
	"a list" a.example.com --no-resolve --allow-host 'x.test,*.example.com'
checked "1:example.com:443: denied|reason: host not in allowlist|to allow it: matchlock run --allow-host example.com" \
	"... and what it does not have" example.com --allow-host '*.example.com'
checked "1:a.example.com:22: denied|reason: host not in allowlist at port 22|to allow it: matchlock run --allow-host a.example.com:22" \
	"... at this port" a.example.com:22 --allow-host '*.example.com'

own=$("$matchlock" policy check localhost:80 | sed -n 's/^address: //p' | head -n 1)
case $own in
*:*) target="localhost=[$own]:80" ;;
*) target=localhost=$own:80 ;;
esac
"$matchlock" policy check localhost:80 --allow-host localhost >out || code=$?
like "$code:$(paste -s -d '|' out)" \
	"1:localhost:80: denied|reason: localhost leads to $own, which is a loopback address|to allow it: matchlock run*--allow-host-service '$target'*address: $own*" \
	"a name that leads to this host is denied, listed or not"
checked "0:localhost:80: allowed|rule: allow-host-service $target|for: $any|address: $own" \
	"... but for the service that was opened" localhost:80 --allow-host-service "$target"
checked "0:db.corp:5432: allowed|$open|address: 10.9.9.9" "a host that was mapped" \
	db.corp:5432 --add-host db.corp:10.9.9.9
checked "0:10.9.9.9:5432: allowed|$open|address: 10.9.9.9" "... by its address" \
	10.9.9.9:5432 --add-host db.corp:10.9.9.9

cat >base.policy <<'EOP'
# shared
allow-host *.example.com
EOP
cat >build.policy <<'EOP'
include base.policy
allow-host git.test:22	# ssh
EOP
checked "0:a.example.com:443: allowed|rule: allow-host *.example.com|for: TLS to an allowed name" \
	"a policy file that includes another" a.example.com --no-resolve --policy build.policy
checked "0:git.test:22: allowed|rule: allow-host git.test:22|for: any protocol; a TLS or HTTP name in it must be allowed" \
	"... with a port" git.test:22 --no-resolve --policy build.policy
echo 'allow-host a..b' >>base.policy
checked "1:build.policy:1: base.policy:3: invalid allow-list host \"a..b\": each part of a host name is 1 to 63 letters, digits, '-' or '_', with no '-' at its ends" \
	"an error names file and line" a.test --policy build.policy
: >empty.policy
checked "1:a.test:443: denied|reason: host not in allowlist|to allow it: matchlock run --allow-host a.test" \
	"an empty policy denies" a.test --policy empty.policy

"$matchlock" policy check a.test:22 --json --allow-host a.test >out && code=0 || code=$?
is "$code:$(cat out)" '1:{"host":"a.test","port":22,"verdict":"deny","rule":"","for":"","reason":"host not in allowlist at port 22","remedy":"matchlock run --allow-host a.test:22","addresses":[]}' \
	"JSON of a denial"
"$matchlock" policy check 8.8.8.8:53 --json --allow-host 8.8.8.0/24 >out && code=0 || code=$?
is "$code:$(cat out)" '0:{"host":"8.8.8.8","port":53,"verdict":"allow","rule":"allow-host 8.8.8.0/24","for":"any protocol","reason":"","remedy":"","addresses":[]}' \
	"JSON of an allowance"

checked '1:invalid host "https://a.test/": this is a URL: write its host, and a port as host:port' \
	"a URL is no host" https://a.test/
checked "1:invalid private range '0.0.0.0/0': it is wider than 0.0.0.0/8; name ranges one by one" \
	"all private ranges at once" a.test --allow-private 0.0.0.0/0
done_testing
