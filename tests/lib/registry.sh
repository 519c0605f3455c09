# SPDX-License-Identifier: MIT
# Real registries on this machine, all over one storage: source after matchlock.sh.
#
#	serve ADDRESS NAME [AUTH]	a docker-registry; AUTH: its "auth:" section
#	serve_nginx <CONFIG	an nginx with these `server` sections and others of "http"
#	small_image NAME	pushes a one-layer image that answers `cat /hello`, to $open
#	push SOURCE TARGET	copies an image by skopeo, without TLS
#	login ADDRESS NAME:PASSWORD	writes the user's docker config
#	forget			empties the store; prints the blobs that are left
#	$open $locked		addresses of two of them, started here; $locked wants user:pass word
#	port N			a port of this test, 0 to 19, not yet used by $open (0), $locked (1)

blobs=$home/.cache/matchlock/images/blobs
export MATCHLOCK_TEMPLATE_BUILD=0 # who makes a template holds the image's blobs
port() {
	echo $((20000 + $$ % 600 * 20 + $1))
}
open=127.0.0.1:$(port 0)
locked=127.0.0.1:$(port 1)

serve() {
	cat >"$work/$2.yml" <<EOF
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "$1"}
${3:-}
EOF
	docker-registry serve "$work/$2.yml" >"$work/$2.log" 2>&1 &
	cleanup_fn kill $!
}

serve_nginx() {
	mkdir "$work/nginx"
	{
		cat <<EOF
daemon off;
$([ "$(id -u)" -ne 0 ] || echo 'user root;')
pid $work/nginx/pid;
error_log $work/nginx/log;
events {}
http {
	access_log off;
	client_body_temp_path $work/nginx/a; proxy_temp_path $work/nginx/b;
	fastcgi_temp_path $work/nginx/c; uwsgi_temp_path $work/nginx/d;
	scgi_temp_path $work/nginx/e;
EOF
		cat
		echo "}"
	} >"$work/nginx.conf"
	nginx -c "$work/nginx.conf" -e "$work/nginx/log" 2>"$work/nginx/err" &
	cleanup_fn kill $!
}

# Tried until the registry answers, which it may not do at once.
push() {
	local tries=50
	until skopeo --insecure-policy copy -q --dest-tls-verify=false "$@" \
		>"$work/skopeo.log" 2>&1 || [ "$tries" -eq 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
}

small_image() {
	mkdir -p "$work/small/bin"
	cp "$(command -v busybox)" "$work/small/bin/busybox"
	ln -sf busybox "$work/small/bin/cat"
	echo "$1" >"$work/small/hello"
	tar -C "$work/small" --owner=0 --group=0 -cf "$work/small.tar" .
	umoci init --layout "$work/layout-$1" && umoci new --image "$work/layout-$1:1" &&
		umoci raw add-layer --image "$work/layout-$1:1" "$work/small.tar"
	push "oci:$work/layout-$1:1" "docker://$open/team/$1:1"
}

login() {
	mkdir -p "$home/.docker"
	echo "{\"auths\":{\"$1\":{\"auth\":\"$(printf '%s' "$2" | base64)\"}}}" \
		>"$home/.docker/config.json"
	chmod -R a+rX "$home/.docker"
}

forget() {
	ml image prune -af >/dev/null 2>&1
	ls "$blobs"
}

htpasswd -Bbn user 'pass word' >"$work/htpasswd" 2>/dev/null
chmod 644 "$work/htpasswd"
serve "$open" open
serve "$locked" locked "auth: {htpasswd: {realm: here, path: $work/htpasswd}}"
