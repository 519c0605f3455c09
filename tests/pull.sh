#!/bin/sh
# SPDX-License-Identifier: MIT
# A pull as its user sees it: progress on a terminal and elsewhere, Ctrl-C and signals in the middle
# of it; the question of `image prune --all`.
. "$(dirname "$0")/lib/tap.sh"
requires docker-registry skopeo umoci htpasswd nginx tmux busybox
. "$(dirname "$0")/lib/matchlock.sh"
. "$(dirname "$0")/lib/registry.sh"

# Two layers: a small one, and above it one that takes some seconds from the slow address.
slow=127.0.0.1:$(port 2)
serve_nginx <<EOF
	server {
		listen $slow;
		location / { proxy_pass http://$open; limit_rate 2m; }
	}
EOF
small_image two
mkdir big
head -c 8000000 /dev/urandom >big/noise
tar -C big --owner=0 --group=0 -cf big.tar noise
umoci raw add-layer --image "$work/layout-two:1" big.tar
push "oci:$work/layout-two:1" "docker://$open/team/two:1"
image=$slow/team/two:1
workers() {
	ps -o stat=,args= -C image-worker | grep "^[^Z].*$work/"
}
# wait_for COMMAND...: until it succeeds, half a minute at most.
wait_for() {
	local tries=300
	until "$@" >/dev/null 2>&1 || [ "$tries" -eq 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	[ "$tries" -gt 0 ]
}
half_pulled() {
	ls "$blobs" 2>/dev/null | grep '\.tmp$'
}
nothing_half() {
	! half_pulled && ! workers
}

# --- progress ---
ml pull "$image" >out 2>err
is "$?:$(sed 's/[0-9a-f]\{64\}/HEX/; s/[0-9.]* MB/N MB/' out)" \
	"0:Pulling $image...
Digest: sha256:HEX
Size: N MB" "what a pull prints"
is "$(sed 's/^[0-9a-f]\{12\}: [0-9.]* MB$/a layer/' err)" "a layer
a layer" "a line for each layer without a terminal"
forget >/dev/null
ml pull -q "$image" >out 2>err
is "$(cat err)" "" "--quiet: no progress"
forget >/dev/null

tmux=$work/tmux
tm() {
	tmux -S "$tmux" -f /dev/null "$@"
}
cleanup_fn sh -c "tmux -S '$tmux' kill-server 2>/dev/null; :"
on_screen() {
	tm capture-pane -p -t t | tr '\n' '~' | grep -q "$1"
}
# types COMMAND: in the terminal, which is cleared before.
types() {
	tm send-keys -t t "clear; $1" Enter
}
# shows REGEX NAME: the screen (its lines joined by ~) comes to match.
shows() {
	if wait_for on_screen "$1"; then
		ok "$2"
	else
		not_ok "$2" "$1" "$(tm capture-pane -p -t t)"
	fi
}
tm new-session -d -s t -x 90 -y 20 sh
tm send-keys -t t "PS1='host> ' HOME=$home; export HOME" Enter
shows 'host>~' "a terminal"
types "$drop $ml pull $image; echo status \$?"
shows '~[0-9a-f]\{12\}  \[=*>  *\]  [0-9.]*/[0-9.]* MB~' "bars on a terminal"
shows '\(~[0-9a-f]\{12\}  \[=*\]  [0-9.]* MB\)\{2\}~Digest.*status 0~' "full at the end, one a layer"

# --- image prune --all asks ---
types "$drop $ml image prune -a"
shows 'removes all images.*\[y/N\]' "prune --all asks on a terminal"
tm send-keys -t t Enter
shows 'Removed nothing' "no answer is no"
is "$(ls "$blobs" | wc -l)" 2 "nothing is removed then"
types "$drop $ml image prune -a"
shows '\[y/N\]' "it asks again"
tm send-keys -t t y Enter
shows 'Freed: ' "and takes yes"
is "$(ls "$blobs")" "" "everything is removed then"

# --- Ctrl-C ---
types "$drop $ml pull $image"
wait_for half_pulled
tm send-keys -t t C-c
tm send-keys -t t 'echo status $?' Enter
shows 'status 130~' "Ctrl-C ends a pull"
check "nothing half is left, and no worker" wait_for nothing_half
types "$drop $ml run --image $image -- cat /hello"
wait_for half_pulled
tm send-keys -t t C-c
tm send-keys -t t 'echo status $?' Enter
shows 'status 130~' "Ctrl-C ends a run that pulls"
check "nothing half is left, and no worker" wait_for nothing_half

# --- signals ---
# interrupted SIGNAL...: sent one after the other to a pull that has begun; prints how it ended.
interrupted() {
	local pid
	HOME=$home $drop env --default-signal=INT,TERM "$ml" pull "$image" >out 2>err &
	pid=$!
	wait_for half_pulled
	for signal; do
		kill -s "$signal" "$pid" 2>/dev/null
	done
	wait "$pid" 2>/dev/null
	echo $?
}
for signals in INT TERM "INT INT" "TERM TERM" "TERM INT" KILL; do
	how=$(interrupted $signals)
	case $signals in
	INT*) want=130 ;;
	KILL) want=137 ;;
	"TERM INT") want="1[34][03]" ;;
	*) want=143 ;;
	esac
	like "$how" "$want" "$signals: ended by the signal"
	check "$signals: nothing half is left, and no worker" wait_for nothing_half
done
is "$(ml image ls | grep -c two)" 0 "no image is listed"
check "the next pull works" ml pull -q "$image"
is "$(ml run --image "$image" -- cat /hello)" two "and its image runs"
done_testing
