#!/bin/sh
# SPDX-License-Identifier: MIT
# What a sandbox's network did, as people and scripts read it: `audit`, the note at the end of a run,
# `--audit-only`, the figures of `stats`.
. "$(dirname "$0")/lib/tap.sh"
requires qemu-system-x86_64 jq script
. "$(dirname "$0")/lib/world.sh"
. "$(dirname "$0")/lib/matchlock.sh"

# shown ARG...: `audit` without what differs from run to run, each run of blanks as one or two.
shown() {
	ml audit "$@" 2>&1 | sed -E 's/[0-9]{4}-[0-9-]* [0-9:]*/TIME/; s/ at [0-9a-f.:]+, [0-9]+ B sent, [0-9]+ B received, [0-9.]+ s$/ HOW/
		s/  +/  /g; s/ +$//'
}

get='wget -q -O /dev/null'

# --- a sandbox that is kept ---
start --rm=false --name web --allow-host www.allowed.org -- sh -c \
	"$get http://www.allowed.org/hi; $get http://www.denied.org/; $get http://www.denied.org/
	nc 93.184.216.38 22 </dev/null; echo up; exec sleep 1000"
is "$(shown web)" "TIME  WHAT  VERDICT  HOST  DETAILS
TIME  dns  allow  www.allowed.org  A, allow-host www.allowed.org
TIME  dns  allow  www.allowed.org  AAAA, allow-host www.allowed.org
TIME  connect  allow  www.allowed.org:80  allow-host www.allowed.org
TIME  http  allow  www.allowed.org:80  GET /hi, allow-host www.allowed.org
TIME  end  -  www.allowed.org:80  HOW
TIME  dns  deny  www.denied.org  A, host not in allowlist
  to allow it: matchlock allow-list add $id www.denied.org
TIME  dns  deny  www.denied.org  AAAA, host not in allowlist
  to allow it: matchlock allow-list add $id www.denied.org
TIME  connect  deny  93.184.216.38:22  host not in allowlist
  to allow it: matchlock allow-list add $id 93.184.216.38:22" "each decision, and how a connection ended"
is "$(shown --denied "$id" | sed 's/  .*//' | sort | uniq -c | paste -s | tr -s ' \t' ' ')" \
	" 3 4 TIME" "--denied, by its id"
is "$(ml audit --json web | jq -r .seq | paste -s -d ' ')" "1 2 3 4 5 6 7 8" "--json: a line a record"
is "$(shown --since 1h web | wc -l)$(shown --since 1ms web | wc -l)" 121 "--since"
like "$(ml audit --since -1s web 2>&1)" "--since must be a time that has passed" "... a time to come"
is "$(ml stats --json web | jq -c '.[0] | [.sent, .received, .connections, .denied]')" \
	"$(ml audit --json web | jq -c 'select(.what == "end") | [.sent, .received, 0, 3]')" \
	"stats counts the same"
like "$(ml stats --no-stream web)" "*SENT/RECEIVED*0.0/0.0 MB*" "... and shows it"

# --- one that grows ---
ml audit -f web >"$work/followed" &
follower=$!
until grep -q 93.184.216.38 "$work/followed"; do sleep 0.1; done
ml exec web -- sh -c 'nc 93.184.216.35 25 </dev/null'
until grep -q 93.184.216.35:25 "$work/followed"; do sleep 0.1; done
ok "-f shows what is added"
ml exec web -- sh -c "$get http://www.allowed.org/bye"
ml stop web >/dev/null
wait "$follower"
is "$?" 0 "... and ends with the sandbox"
wait "$job"
is "$(grep -c '/bye' "$work/followed")$(tail -n 1 "$work/followed" | grep -c ' end ')" 11 \
	"... having shown all"
is "$(shown web | wc -l)" "$(wc -l <"$work/followed")" "what is kept can be read later"
ml rm web >/dev/null
is "$(ml audit web 2>&1)" "VM not found web (what is kept of one that was removed is in the file of \
\"run --audit\": name it with a '/')" "... until it is removed"

# --- the note at the end of a run, which is for a terminal ---
denying="$get http://www.denied.org/; nc 93.184.216.38 22 </dev/null; nc 93.184.216.38 23 </dev/null; true"
as_user script -qec "'$ml' run --allow-host www.allowed.org --image matchlock/base -- \
	sh -c '$denying' 2>&1" /dev/null </dev/null >"$work/screen"
like "$(tr -d '\r' <"$work/screen")" "*3 network requests were denied: www.denied.org, 93.184.216.38 (2); \
run with --audit FILE to keep the reasons*" "what was denied is told at the end"
as_user script -qec "'$ml' run --audit audit.jsonl --image matchlock/base -- \
	sh -c 'nc 10.1.2.3 22 </dev/null'" /dev/null </dev/null >"$work/screen"
like "$(tr -d '\r' <"$work/screen")" "*1 network request was denied: 10.1.2.3; see matchlock audit \
$work/audit.jsonl*" "... with where to see why"
is "$(shown ./audit.jsonl | sed 's/^vm-[0-9a-f]*/ID/')" "ID  TIME  WHAT  VERDICT  HOST  DETAILS
ID  TIME  connect  deny  10.1.2.3:22  10.1.2.3 is a private address (RFC 1918)
  to allow it: matchlock run --allow-private 10.1.2.3" "... which outlives the sandbox"
base --allow-host www.allowed.org -- sh -c "$denying" >"$work/out" 2>"$work/err"
is "$(grep -c denied: "$work/err")" 0 "without a terminal nothing is added to the output"
as_user script -qec "'$ml' run --image matchlock/base -- $get http://www.allowed.org/" /dev/null \
	</dev/null >"$work/screen"
is "$(grep -c denied "$work/screen")" 0 "nor when nothing was denied"

# --- --audit-only ---
base --audit-only --allow-host-service db.internal=127.0.0.1:5432 -- sh -c \
	"$get http://www.allowed.org/; nc www.allowed.org 22 </dev/null; nc 93.184.216.38 443 </dev/null
	nc 10.1.2.3 22 </dev/null; nslookup www.denied.org >/dev/null" 2>"$work/err"
is "$(sed -n '/^#/,$p' "$work/err")" "# This policy would have been enough:
allow-host www.allowed.org
allow-host www.allowed.org:22
allow-host 93.184.216.38:443
allow-host-service db.internal=127.0.0.1:5432" "--audit-only: the policy that would have been enough"
ml run -d --name audited --audit-only --image matchlock/base -- sh -c \
	"$get http://www.allowed.org/; touch /tmp/done" >/dev/null
until ml exec audited -- test -e /tmp/done; do sleep 0.1; done
ml stop audited >/dev/null
like "$(ml log audited)" "*# This policy would have been enough:
allow-host www.allowed.org*" "... in the log of a detached one"
ml rm audited >/dev/null

# --- an address that the host gets meanwhile ---
start --name later -- sh -c 'echo up; exec sleep 1000'
ip address add 93.184.217.77/32 dev lo
ml exec later -- nc 93.184.217.77 80 </dev/null
ip address del 93.184.217.77/32 dev lo
is "$(ml audit --json later | jq -r '"\(.host):\(.port) \(.verdict) \(.reason)"')" \
	"93.184.217.77:80 deny 93.184.217.77 is an address of this host" \
	"an address that the host has got since is not reached"
ml stop later >/dev/null
wait "$job"

# --- no network ---
ml run -d --name none --no-network --image matchlock/base >/dev/null
like "$(ml audit none 2>&1)" "VM vm-???????? has no network" "a sandbox without a network"
ml stop none >/dev/null
ml rm none >/dev/null
leaves_nothing "after all"
done_testing
