#!/bin/sh
# SPDX-License-Identifier: MIT
# What `run` is told about its network and keeps of it, and `allow-list` of a sandbox that runs: texts,
# exit codes, JSON, secrets.  Nothing here sends a packet.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/matchlock.sh"
requires jq

# said ARG...: "EXITCODE:STDOUT:STDERR" of a matchlock command, lines joined by "|".
said() {
	local code=0
	ml "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
	echo "$code:$(paste -s -d '|' "$work/out"):$(paste -s -d '|' "$work/err")"
}

network_of() {
	ml get "$1" | jq -cS ".config.network"
}

# --- what a sandbox was started with ---
cat >"$work/build.policy" <<'EOP'
allow-host b.test:22	# a comment
allow-private 10.1.2.0/24
EOP
proxy=http://me:verysecret@127.0.0.1:3128
id=$(HTTPS_PROXY=$proxy NO_PROXY=.corp ml run -d --name web --policy build.policy --allow-host \
	'B.Test:22,*.Example.COM' --allow-host-service db.internal=127.0.0.1:5432 --audit-only \
	--audit audit.jsonl --mtu 1400 --network-intercept --image matchlock/base 2>"$work/err")
is "$(cat "$work/err")" "" "run -d with a policy says nothing"
is "$(network_of web)" "$(jq -cS . <<EOP
{"allowed_hosts":["b.test:22","*.example.com"],"block_private_ips":true,"intercept":true,"mtu":1400,
"allow_private":["10.1.2.0/24"],"allow_host_services":["db.internal=127.0.0.1:5432"],
"audit_only":true,"audit":"$work/audit.jsonl"}
EOP
)" "get shows the policy, the file's entries first, each once"
is "$(ml inspect web | grep -c verysecret)" 0 "inspect shows no password of a proxy"
is "$(said allow-list show web)" "0:allow-host b.test:22|allow-host *.example.com|allow-private \
10.1.2.0/24|allow-host-service db.internal=127.0.0.1:5432:" "allow-list show is a policy file"
is "$(ml allow-list show --json "$id")" "{\"id\":\"$id\",\"listed\":true,\"allowed_hosts\":\
[\"b.test:22\",\"*.example.com\"],\"allow_private\":[\"10.1.2.0/24\"],\"allow_host_services\":\
[\"db.internal=127.0.0.1:5432\"],\"block_private_ips\":true,\"audit_only\":true}" "--json"

# --- changes, with the texts that scripts look for ---
is "$(said allow-list add web a.test)" \
	"0:Added to $id: a.test|Current allow-list: b.test:22,*.example.com,a.test:" "add, by its name"
is "$(said allow-list add "$id" ' a.test , C.test.' c.test,d.test)" \
	"0:Added to $id: c.test,d.test|Current allow-list: b.test:22,*.example.com,a.test,c.test,d.test:" \
	"add what is partly there"
is "$(said allow-list add "$id" d.test,,A.TEST)" \
	"0:No new hosts were added to $id|Current allow-list: b.test:22,*.example.com,a.test,c.test,d.test:" \
	"add what is there"
is "$(said allow-list delete "$id" x.test,b.test:22 'c.test')" \
	"0:Removed from $id: b.test:22,c.test|Current allow-list: *.example.com,a.test,d.test:" "delete"
is "$(said allow-list delete "$id" x.test)" \
	"0:No hosts were removed from $id|Current allow-list: *.example.com,a.test,d.test:" \
	"delete what is not there"
is "$(said allow-list rm "$id" '*.example.com,a.test,d.test')" \
	"0:Removed from $id: *.example.com,a.test,d.test|Current allow-list: (empty: all hosts denied):" \
	"an emptied list denies"
is "$(said allow-list show "$id" | tr '|' '\n' | head -n 1)" \
	"0:# the list is empty: every host is denied" "... and says so"
is "$(network_of web | jq -c .allowed_hosts)" '["b.test:22","*.example.com"]' \
	"get shows what it was started with"

# --- what is refused ---
is "$(said allow-list add web ' , ' '')" \
	"1::invalid allow-list host: expected one or more hosts (comma-separated)" "no host"
is "$(said allow-list add web ok.test,https://a.test/)" \
	"1::invalid allow-list host \"https://a.test/\": this is a URL: write its host, and a port as host:port" \
	"what is no host"
is "$(said allow-list show web | tr '|' '\n' | grep -c ok.test)" 0 "... and nothing of it is added"
like "$(said allow-list add web)" "1::requires at least 2 arg(s), only received 1*" "no word"
like "$(said allow-list add nosuch a.test)" "1::VM not found nosuch*" "no such sandbox"
ml stop web >/dev/null
is "$(said allow-list add web a.test)" "1::VM $id is not running (status: stopped)" "one that has ended"
ml rm web >/dev/null

# --- without a list ---
start -e A=1 -- sh -c 'echo up; exec sleep 1000'
is "$(said allow-list show "$id")" \
	"0:# no list was given: every public host is allowed|allow-host *:" "without a list"
is "$(said allow-list delete "$id" a.test)" \
	"0:No hosts were removed from $id|Current allow-list: (empty: all hosts allowed):" \
	"... there is nothing to delete, and it stays open"
is "$(network_of "$id")" '{"block_private_ips":true,"mtu":1500}' "... which get shows by no list"
is "$(said allow-list add "$id" a.test)" "0:Added to $id: a.test|Current allow-list: a.test:" \
	"the first host makes it a list"
is "$(said allow-list delete "$id" a.test)" \
	"0:Removed from $id: a.test|Current allow-list: (empty: all hosts denied):" "... for good"
kill -INT "$pid"
wait "$job"

start --allow-host '' -- sh -c 'echo up; exec sleep 1000'
is "$(network_of "$id" | jq -c .allowed_hosts)" '[]' "an empty --allow-host is an empty list"
is "$(said allow-list show "$id")" "0:# the list is empty: every host is denied:" "... which denies"
kill -INT "$pid"
wait "$job"

start --no-network --upstream-proxy='' -- sh -c 'echo up; exec sleep 1000'
is "$(said allow-list add "$id" a.test)" "1::update allow-list: allow-list updates unavailable: \
sandbox was started without network interception" "without a network there is no list"
kill -INT "$pid"
wait "$job"

# --- a proxy's password ---
start --upstream-proxy "$proxy" -- sh -c 'echo up; exec sleep 1000'
is "$(tr '\0' '\n' <"/proc/$pid/cmdline" | grep -c verysecret)" 0 "no password in the arguments"
like "$(tr '\0' '\n' <"/proc/$pid/cmdline" | grep -A1 upstream)" "--upstream-proxy
\*\*\*\**" "... whose place is covered"
is "$(grep -rlaF verysecret "$home/.matchlock" | wc -l)" 0 "nor in the state"
kill -INT "$pid"
wait "$job"
leaves_nothing "after all"
is "$(stat -c %a "$work/audit.jsonl")" 600 "the audit's file stays, for its user only"
done_testing
