#!/bin/sh
# SPDX-License-Identifier: MIT
# Images as users meet them: pulled from a real registry on loopback, listed, run, tagged, removed,
# damaged, and with commands that are killed in the middle.
. "$(dirname "$0")/lib/tap.sh"
requires docker-registry skopeo busybox
. "$(dirname "$0")/lib/matchlock.sh"

blobs=$home/.cache/matchlock/images/blobs
export MATCHLOCK_TEMPLATE_BUILD=0 # who makes a template holds the image's blobs

# --- a registry, and images made of busybox and a file a layer ---
port=$((20000 + $$ % 20000))
cat >"$work/registry.yml" <<EOF
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$port"}
EOF
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
registry_pid=$!
cleanup_fn kill "$registry_pid"
registry=127.0.0.1:$port

digest() {
	sha256sum "$1" | cut -d' ' -f1
}

# put FILE: into the layout's blobs; prints digest and size as members of a descriptor.
put() {
	local sum
	sum=$(digest "$1")
	cp "$1" "$layout/blobs/sha256/$sum"
	echo "\"digest\":\"sha256:$sum\",\"size\":$(stat -c %s "$1")"
}

# make_image NAME TREE...: pushes an image with one gzip layer for each tree, base first.
make_image() {
	local name=$1 tree layers= diff_ids= layout=$work/layout
	shift
	rm -rf "$layout"
	mkdir -p "$layout/blobs/sha256"
	for tree; do
		tar -C "$tree" --sort=name --mtime=@0 --owner=0 --group=0 -cf "$work/layer.tar" .
		diff_ids="$diff_ids,\"sha256:$(digest "$work/layer.tar")\""
		gzip -nkf1 "$work/layer.tar"
		layers="$layers,{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",$(put "$work/layer.tar.gz")}"
	done
	cat >"$work/config.json" <<EOF
{"architecture":"$arch","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["cat","/name"]},
"rootfs":{"type":"layers","diff_ids":[${diff_ids#,}]}}
EOF
	cat >"$work/manifest.json" <<EOF
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
"config":{"mediaType":"application/vnd.oci.image.config.v1+json",$(put "$work/config.json")},
"layers":[${layers#,}]}
EOF
	echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
	cat >"$layout/index.json" <<EOF
{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",
$(put "$work/manifest.json"),"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}
EOF
	manifest_digest=sha256:$(digest "$work/manifest.json")
	skopeo --insecure-policy copy --dest-tls-verify=false "oci:$layout:latest" \
		"docker://$registry/$name" >"$work/skopeo.log" 2>&1 || {
		cat "$work/skopeo.log"
		exit 1
	}
}

case $(uname -m) in
aarch64) arch=arm64 ;;
*) arch=amd64 ;;
esac
mkdir -p "$work/base/bin" "$work/base/proc" "$work/base/tmp"
cp "$(command -v busybox)" "$work/base/bin/"
for applet in sh cat ls sleep echo true; do
	ln -s busybox "$work/base/bin/$applet"
done
head -c 3000000 /dev/urandom >"$work/base/noise"
for name in one two three; do
	mkdir "$work/$name"
	echo "$name" >"$work/$name/name"
	head -c 4000000 /dev/urandom >"$work/$name/noise"
	tries=50
	until make_image "team/$name:1" "$work/base" "$work/$name"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || exit 1
		sleep 0.1
	done
	eval "digest_$name=$manifest_digest top_$name=$(digest "$work/layer.tar")"
done
one=$registry/team/one:1
two=$registry/team/two:1
three=$registry/team/three:1

# --- pull ---
out=$(ml pull "$one" 2>"$work/err")
is "$?" 0 "pull"
like "$out" "Pulling $one...
Digest: $digest_one
Size: *.? MB" "pull tells digest and size"
is "$(grep -c ': .* MB$' "$work/err")" 2 "and, without a terminal, a line for each layer"
out=$(ml pull -q -t mine "$one" 2>"$work/err")
like "$out" "Pulling $one...
Tagged: mine
Digest: $digest_one
Size: *.? MB" "pull -t of what is there gives it a tag"
is "$(cat "$work/err")" "" "--quiet is quiet"
is "$(ls "$blobs" | wc -l)" 2 "the tag shares the blobs"
ml pull "$two" >/dev/null 2>"$work/err"
like "$(cat "$work/err")" '*: already there*' "a layer that another image has is not fetched"
is "$(ls "$blobs" | wc -l)" 3 "and not stored twice"
is "$(ml image ls | sed 's/  */ /g; s/[0-9.]* MB [0-9-]* [0-9:]*$/SIZE TIME/')" \
	"TAG SOURCE SIZE CREATED
mine tag SIZE TIME
$two registry SIZE TIME
$one registry SIZE TIME" "image ls: local first, then newest first"
like "$(ml image ls --json)" '\[{"tag":"mine","source":"tag","digest":"sha256:*","size":*,"created_at":"*Z"},*]' \
	"image ls --json"
ml pull "$registry/team/none:1" >/dev/null 2>"$work/err"
is "$?" 1 "an image that is not there: exit 1"
like "$(cat "$work/err")" 'pull image: *' "with the reason"
ml pull 'A B' >/dev/null 2>"$work/err"
like "$(cat "$work/err")" 'parse image reference: *' "a reference that is none"


# --- another platform ---
other=arm64
[ "$arch" = amd64 ] || other=amd64
(arch=$other make_image team/other:1 "$work/one")
ml pull "$registry/team/other:1" >/dev/null 2>"$work/err"
is "$?" 1 "an image that says another architecture is not pulled"
like "$(cat "$work/err")" "*: the image is for linux/$other, not for linux/$arch: *--platform*" \
	"the reason names both and the remedy"
tar -C "$work/layout" -cf - . | as_user "$ml" image import other >/dev/null 2>"$work/err"
is "$?" 1 "nor imported"
check "--platform takes it" ml pull -q --platform "linux/$other" "$registry/team/other:1"
ml image rm "$registry/team/other:1" >/dev/null
ml image gc >/dev/null 2>&1

# --- run ---
is "$(ml run --image "$one")" one "run of what is there"
is "$(ml run --image mine -- cat /name)" one "run of a tag"
ml run --pull=never --image "$three" -- true 2>"$work/err"
is "$?" 1 "run --pull=never does not pull"
like "$(cat "$work/err")" 'building rootfs: image "*" is not in the local store*' "and says so"
out=$(ml run --image "$three" 2>"$work/err")
is "$out" three "run pulls what is missing"
like "$(cat "$work/err")" "Built rootfs from $three (*.? MB)" "and says what it has built"
make_image team/three:1 "$work/base" "$work/one"
is "$(ml run --image "$three" 2>&1)" three "run does not ask for what it has"
is "$(ml run --pull --image "$three" 2>"$work/err")" one "run --pull does"
like "$(cat "$work/err")" 'Built rootfs*' "and says so"
is "$(ls "$blobs" | wc -l)" 3 "the layer that is no longer needed is gone"

# --- remove ---
is "$(ml image rm mine)" "Removed mine" "image rm"
ml image rm mine 2>"$work/err"
is "$?:$(cat "$work/err")" '1:image not found: "mine"' "once"
HOME=$home $drop "$ml" run --image "$two" -- sh -c 'echo up; sleep 300' >"$work/up" 2>&1 &
run_pid=$!
tries=300
until grep -q up "$work/up" || [ "$tries" -eq 0 ]; do
	tries=$((tries - 1))
	sleep 0.1
done
like "$(ml system df | sed 's/  */ /g')" '*images 3 3 *sandboxes 1 1 *' "system df counts"
is "$(ml image rm "$two")" "Removed $two" "an image that a sandbox runs on can be removed"
is "$(ml image gc 2>"$work/err")" "Removed 0 unreferenced blobs" "gc keeps its blob"
like "$(cat "$work/err")" 'Kept 1 blobs*' "and says so"
out=$(ml image prune -a 2>/dev/null </dev/null)
like "$out" "*Removed 0 unreferenced blobs*" \
	"prune -a asks nothing, and keeps the layer that the sandbox shares"
kill -INT "$run_pid"
wait "$run_pid"
is "$(ml image gc)" "Removed 1 unreferenced blobs" "once it has ended gc removes it"
check_fails "without a terminal prune -a wants --force" ml image prune -a </dev/null
out=$(ml image prune -a --force)
like "$out" "*Removed $one*Freed: *" "prune -a removes all that is not used"
is "$(ls "$blobs")" "" "nothing is left"

# --- damage ---
ml pull -q "$one" >/dev/null
ml pull -q "$two" >/dev/null
is "$(ml image check)" "Checked 3 blobs, 0 damaged or missing" "image check"
printf x | dd of="$blobs/sha256_$top_one.erofs" bs=1 seek=70000 conv=notrunc 2>/dev/null
out=$(ml image check 2>"$work/err")
is "$?" 1 "a damaged blob is found"
like "$out" "sha256:*: damaged
  removed $one
*" "and the image that needs it goes"
like "$(cat "$work/err")" "*'matchlock pull' brings them again" "with the remedy"
is "$(ml image ls | grep -c "$two")" 1 "the others stay"
ml pull -q "$one" >/dev/null
is "$(ml image check)" "Checked 3 blobs, 0 damaged or missing" "a pull mends it"
is "$(ml run --image "$one")" one "and it runs"

# --- archives ---
skopeo --insecure-policy copy --src-tls-verify=false "docker://$one" \
	"docker-archive:$work/docker.tar:one:1" >"$work/skopeo.log" 2>&1
as_user "$ml" image import docker <"$work/docker.tar" >"$work/out" 2>"$work/err"
like "$?:$(cat "$work/out")" "0:Imported: docker
Layers: 2
Size: *.? MB" "image import of what docker save writes"
is "$(cat "$work/err")" "Importing docker from stdin..." "and the note on stderr"
is "$(ml run --image docker)" one "it runs"
tar -C "$work/layout" -c . | gzip -1 | as_user "$ml" image import oci >/dev/null 2>&1
is "$(ml run --image oci)" one "a compressed OCI layout, too"
as_user "$ml" image export docker >"$work/export.tar"
is "$?" 0 "image export"
like "$(skopeo inspect "oci-archive:$work/export.tar" 2>&1)" '*"Layers": \[*sha256:*sha256:*' \
	"skopeo reads it"
as_user "$ml" image import again <"$work/export.tar" >/dev/null 2>&1
is "$(ml run --image again)" one "and so does image import"
as_user "$ml" image export again >"$work/again.tar"
config() {
	skopeo inspect --config --raw "oci-archive:$1"
}
is "$(config "$work/again.tar")" "$(config "$work/export.tar")" \
	"there and back: the same config and layers"
for archive in export again; do
	rm -rf "$work/bundle" "$work/unpacked"
	skopeo --insecure-policy copy -q "oci-archive:$work/$archive.tar" "oci:$work/unpacked:x" \
		&& umoci unpack --rootless --image "$work/unpacked:x" "$work/bundle" 2>/dev/null
	(cd "$work/bundle/rootfs" && find . -printf '%p %y %m %s %T@ %l\n' | sort &&
		find . -type f -exec sha256sum {} + | sort) >"$work/$archive.tree"
done
check "and the same tree" cmp "$work/export.tree" "$work/again.tree"
is "$(wc -l <"$work/again.tree" | awk '{print ($1 > 5)}')" 1 "which has something in it"
echo junk | as_user "$ml" image import junk >/dev/null 2>"$work/err"
is "$?" 1 "what is no archive is refused"
head -c 1000000 "$work/export.tar" | as_user "$ml" image import cut >/dev/null 2>"$work/err"
is "$?" 1 "so is one that ends early"
is "$(ml image ls | grep -c -e junk -e cut)" 0 "and nothing of it is listed"
for tag in docker oci again; do
	ml image rm "$tag" >/dev/null
done
is "$(ml image check)" "Checked 3 blobs, 0 damaged or missing" "nothing is left of them"

# --- killed in the middle ---
# act COMMAND...: starts it; `pids` gets its process.
act() {
	HOME=$home $drop "$ml" "$@" >/dev/null 2>&1 &
	pids="$pids $!"
}

random_sleep() {
	sleep "0.$(od -An -N2 -tu2 /dev/urandom | tr -d ' ' | sed 's/^/000/; s/.*\(...\)$/\1/')"
}

rounds=20
[ "${MATCHLOCK_SOAK:-}" != 1 ] || rounds=200
broken=0
while [ "$rounds" -gt 0 ]; do
	rounds=$((rounds - 1))
	pids=
	act pull --force "$one"
	act pull "$two"
	act image rm "$one"
	act pull "$three"
	act image rm "$two"
	act image gc
	random_sleep
	# shellcheck disable=SC2086
	kill -9 $pids 2>/dev/null
	wait $pids 2>/dev/null
	ml image check >"$work/check" 2>&1 || {
		broken=$((broken + 1))
		cat "$work/check"
	}
done
is "$broken" 0 "commands killed at any moment leave whole images"
ml image gc >/dev/null 2>&1
sleep 1
is "$(ml image gc)" "Removed 0 unreferenced blobs" "gc has nothing left to do"
needed=$(ml image check --json | grep -o '"digest"' | wc -l)
is "$(ls "$blobs" | wc -l)" "$needed" "no orphan stays"
for image in $(ml image ls | sed 1d | cut -d' ' -f1); do
	like "$(ml run --pull=never --image "$image" 2>&1)" '[ot]*' "$image runs"
done
ml pull -q "$one" >/dev/null
is "$(ml run --image "$one")" one "and pulling goes on"
leaves_nothing "after all"
done_testing
