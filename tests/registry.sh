#!/bin/sh
# SPDX-License-Identifier: MIT
# Pulling from real registries: one with a password file, one behind a token service, layers in
# zstd, hard links into the layer below, pulls at once.
. "$(dirname "$0")/lib/tap.sh"
requires docker-registry skopeo umoci htpasswd nginx fsck.erofs zstd python3
. "$(dirname "$0")/lib/matchlock.sh"
. "$(dirname "$0")/lib/registry.sh"

token=127.0.0.1:$(port 2)

# A token service as simple as can be: whoever knows the password gets the one token.
serve_nginx <<EOF
	server {
		listen $token;
		location = /token {
			auth_basic token;
			auth_basic_user_file $work/htpasswd;
			default_type application/json;
			try_files /none @token;
		}
		location @token { default_type application/json; return 200 '{"token":"good"}'; }
		location /v2/ {
			error_page 401 = @login;
			if (\$http_authorization != "Bearer good") { return 401; }
			proxy_set_header Authorization "";
			proxy_pass http://$open;
		}
		location @login {
			add_header WWW-Authenticate 'Bearer realm="http://$token/token",service="us"' always;
			return 401 '{"errors":[{"code":"UNAUTHORIZED","message":"log in"}]}';
		}
	}
EOF

case $(uname -m) in
aarch64) arch=arm64 ;;
*) arch=amd64 ;;
esac

# --- images: busybox below; above it a file, and a hard link to busybox ---
mkdir -p "$work/one/bin" "$work/two/etc"
cp "$(command -v busybox)" "$work/one/bin/busybox"
head -c 20000000 /dev/urandom >"$work/one/noise"
echo hello >"$work/two/etc/hello"
tar -C "$work/one" --owner=0 --group=0 -cf "$work/one.tar" bin noise
python3 - "$work/two.tar" <<'EOF'
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w") as tar:
    entry = tarfile.TarInfo("etc/hello")
    entry.size = 6
    tar.addfile(entry, io.BytesIO(b"hello\n"))
    entry = tarfile.TarInfo("bin/cat")
    entry.type = tarfile.LNKTYPE
    entry.linkname = "bin/busybox"
    tar.addfile(entry)
EOF
umoci init --layout "$work/layout" && umoci new --image "$work/layout:a"
umoci raw add-layer --image "$work/layout:a" "$work/one.tar"
umoci raw add-layer --image "$work/layout:a" "$work/two.tar"
push "oci:$work/layout:a" "docker://$open/team/a:1"
# The same layers in zstd, which neither tool makes.
zstd -q -1 "$work/one.tar" "$work/two.tar"
python3 - "$work" "$arch" <<'EOF'
import hashlib, json, pathlib, sys
work, arch = pathlib.Path(sys.argv[1]), sys.argv[2]
blobs = work / "zstd/blobs/sha256"
blobs.mkdir(parents=True)
OCI = "application/vnd.oci.image."


def put(kind, data):
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": OCI + kind, "digest": "sha256:" + digest, "size": len(data)}


def diff_id(name):
    return "sha256:" + hashlib.sha256((work / name).read_bytes()).hexdigest()


config = {"architecture": arch, "os": "linux",
          "rootfs": {"type": "layers", "diff_ids": [diff_id("one.tar"), diff_id("two.tar")]}}
manifest = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
            "config": put("config.v1+json", json.dumps(config).encode()),
            "layers": [put("layer.v1.tar+zstd", (work / name).read_bytes())
                       for name in ("one.tar.zst", "two.tar.zst")]}
index = {"schemaVersion": 2, "manifests": [put("manifest.v1+json", json.dumps(manifest).encode())]}
(work / "zstd/index.json").write_text(json.dumps(index))
(work / "zstd/oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
EOF
push "oci:$work/zstd" "docker://$open/team/zstd:1"

# --- logins ---
ml pull -q "$locked/team/a:1" >/dev/null 2>"$work/err"
is "$?:$(cat "$work/err")" \
	"1:pull image: $locked: HTTP 401: needs a login: run 'docker login $locked'" \
	"a registry that wants a password says so"
login "$locked" 'user:pass word'
check "with the password of docker's config it pulls" ml pull -q "$locked/team/a:1"
is "$(ml run --image "$locked/team/a:1" -- cat /etc/hello)" hello \
	"it runs, by a hard link into the layer below"
is "$(for blob in "$blobs"/*; do fsck.erofs "$blob" >/dev/null 2>&1 || echo "$blob"; done)" "" \
	"fsck.erofs finds nothing"
is "$(forget)" "" "and is gone when it is removed"
login "$locked" 'user:wrong'
check_fails "with a wrong password it does not" ml pull -q "$locked/team/a:1"
ml pull -q "$token/team/a:1" >/dev/null 2>"$work/err"
like "$?:$(cat "$work/err")" "1:pull image: $token: log in at $token: HTTP 401*" \
	"a token service without credentials"
login "$token" 'user:pass word'
check "and with them" ml pull -q "$token/team/a:1"
forget >/dev/null

# --- zstd ---
like "$(skopeo inspect --raw --tls-verify=false "docker://$open/team/zstd:1")" '*tar+zstd*' \
	"an image with layers in zstd"
check "is pulled" ml pull -q "$open/team/zstd:1"
is "$(ml run --image "$open/team/zstd:1" -- cat /etc/hello)" hello "and runs"
forget >/dev/null

# --- at once ---
pids=
for i in 1 2 3; do
	HOME=$home $drop "$ml" pull -q "$open/team/a:1" >/dev/null 2>"$work/err.$i" &
	pids="$pids $!"
done
failed=0
for pid in $pids; do
	wait "$pid" || failed=$((failed + 1))
done
is "$failed" 0 "three pulls of one image at once"
is "$(ls "$blobs" | wc -l)" 2 "share its two blobs"
forget >/dev/null

# --- what is not there ---
ml pull -q "$open/team/a:2" >/dev/null 2>"$work/err"
is "$(cat "$work/err")" \
	"pull image: $open: team/a/manifests/2: HTTP 404: \"MANIFEST_UNKNOWN: manifest unknown\"" \
	"an unknown tag"
check_fails "no registry" ml pull -q "127.0.0.1:1/a:1"
done_testing
