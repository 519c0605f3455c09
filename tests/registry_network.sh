#!/bin/sh
# SPDX-License-Identifier: MIT
# The way to a registry: settings of registries.json, certificates, redirects, proxies, and the
# places where credentials are found.
. "$(dirname "$0")/lib/tap.sh"
requires docker-registry skopeo umoci htpasswd nginx openssl tinyproxy busybox
. "$(dirname "$0")/lib/matchlock.sh"
. "$(dirname "$0")/lib/registry.sh"

small_image small
settings=$home/.matchlock/registries.json
mkdir -p "$home/.matchlock"

# settings JSON: what the user says of registries.
settings() {
	echo "{\"registries\": {$1}}" >"$settings"
	chmod -R a+rX "$home/.matchlock"
	[ "$(id -u)" -ne 0 ] || chown -R "$test_uid:$test_uid" "$home/.matchlock"
}

# pulls NAME REF [VARIABLE=VALUE...]: into an empty store.
pulls() {
	local name=$1 ref=$2
	shift 2
	forget >/dev/null
	check "$name" as_user env "$@" "$ml" pull -q "$ref"
}

# refuses NAME PATTERN REF [VARIABLE=VALUE...]: it fails, and says so.
refuses() {
	local name=$1 pattern=$2 ref=$3
	shift 3
	forget >/dev/null
	like "$(as_user env "$@" "$ml" pull -q "$ref" 2>&1 >/dev/null; echo $?)" "$pattern
1" "$name"
}

# An address of this machine that is not loopback: programs send that one to proxies.
address=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -m 1 '^[0-9.]*$')
plain=$address:$(port 2)
tls=127.0.0.1:$(port 3)
far_tls=$address:$(port 3)
redirects=127.0.0.1:$(port 4)
target=127.0.0.1:$(port 5)
realm=127.0.0.1:$(port 6)
tokens=127.0.0.1:$(port 7)
mirror=127.0.0.1:$(port 8)
proxy=127.0.0.1:$(port 9)
closed=127.0.0.1:$(port 10)

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=test CA" \
	-keyout ca.key -out ca.pem 2>openssl.log
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=registry" \
	-keyout server.key -out server.csr 2>>openssl.log
echo "subjectAltName=IP:127.0.0.1${address:+,IP:$address}" >san
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san \
	-out server.pem 2>>openssl.log
chmod 644 ca.pem

serve_nginx <<EOF
	log_format seen '\$server_port \$uri "\$http_authorization"';
	client_max_body_size 0;
	${address:+server {
		listen $plain;
		location / { proxy_pass http://$open; proxy_set_header Host \$http_host; }
	}}
	server {
		listen $(port 3) ssl;
		ssl_certificate $work/server.pem;
		ssl_certificate_key $work/server.key;
		location / { proxy_pass http://$open; proxy_set_header Host \$http_host; }
	}
	server { # wants a password, and keeps its blobs elsewhere
		listen $redirects;
		location /v2/ { proxy_pass http://$locked; proxy_set_header Host \$http_host; }
		location ~ /blobs/ { return 307 http://$target\$request_uri; }
	}
	server {
		listen $target;
		access_log $work/seen seen;
		location / { proxy_pass http://$open; }
	}
	server { # the token service
		listen $realm;
		location / { default_type application/json; return 200 '{"token":"good"}'; }
	}
	server {
		listen $tokens;
		location / {
			error_page 401 = @login;
			if (\$http_authorization != "Bearer good") { return 401; }
			proxy_set_header Authorization "";
			proxy_pass http://$open;
		}
		location @login {
			add_header WWW-Authenticate 'Bearer realm="http://$realm/",service="us"' always;
			return 401;
		}
	}
	server {
		listen $mirror;
		access_log $work/seen seen;
		rewrite ^/v2/hub/library/(.*) /v2/team/\$1;
		location /v2/empty/ { return 404; }
		location / { proxy_pass http://$open; }
	}
EOF

# --- ports that the registry sends us to ---
login "$redirects" 'user:pass word'
port_refused="*: the image worker may not connect to this port: add it to the \"ports\" of the registry\
 in registries.json"
refuses "a redirect to a port that nobody named" "$port_refused" "$redirects/team/small:1"
settings "\"$redirects\": {\"ports\": [${target##*:}]}"
pulls "and to one that registries.json names" "$redirects/team/small:1"
is "$(grep -c "^${target##*:} .*blobs.*\"-\"\$" seen)" 2 "the blobs come from there"
is "$(grep "^${target##*:} " seen | grep -v '"-"$')" "" "without the credentials"
refuses "a token service on a port that nobody named" "$port_refused" "$tokens/team/small:1"
settings "\"$tokens\": {\"ports\": [${realm##*:}]}"
pulls "and on one that registries.json names" "$tokens/team/small:1"

# --- mirrors ---
settings "\"docker.io\": {\"mirrors\": [\"http://$mirror/hub\"]}"
pulls "Docker Hub's images come from its mirror" small:1
like "$(grep "^${mirror##*:} " seen)" "*/blobs/*" "blobs too"
settings "\"$open\": {\"mirrors\": [\"http://$closed\", \"http://$mirror/empty\"]}"
pulls "a mirror that is down or lacks the image costs nothing" "$open/team/small:1"

# --- certificates ---
settings ""
refuses "an unknown certificate" "*$tls: *certificate*" "$tls/team/small:1"
pulls "SSL_CERT_FILE" "$tls/team/small:1" "SSL_CERT_FILE=$work/ca.pem"
settings "\"$tls\": {\"ca\": \"$work/ca.pem\"}"
pulls "\"ca\" of registries.json" "$tls/team/small:1"
settings "\"$tls\": {\"ca\": \"$work/none.pem\"}"
refuses "a file that is not there" "*none.pem*" "$tls/team/small:1"

# --- proxies ---
cat >tinyproxy.conf <<EOF
Port ${proxy##*:}
Listen 127.0.0.1
Timeout 60
LogFile "$work/proxy.log"
LogLevel Connect
BasicAuth me secret
EOF
tinyproxy -d -c tinyproxy.conf >proxy.out 2>&1 &
cleanup_fn kill $!
through="http://me:secret@$proxy"
if [ -z "$address" ]; then
	skip "proxies" "this machine has no address but loopback"
else
	settings "\"$plain\": {\"plain_http\": true}, \"$far_tls\": {\"ca\": \"$work/ca.pem\"}"
	pulls "plain HTTP through HTTP_PROXY" "$plain/team/small:1" "HTTP_PROXY=$through"
	like "$(cat proxy.log)" "*GET http://$plain/v2/*" "the proxy has had it"
	pulls "HTTPS through HTTPS_PROXY" "$far_tls/team/small:1" "HTTPS_PROXY=$through"
	like "$(cat proxy.log)" "*CONNECT $far_tls *" "the proxy has had it as a tunnel"
	refuses "a proxy that wants a password" "*407*" "$far_tls/team/small:1" \
		"HTTPS_PROXY=http://$proxy"
	refuses "a proxy that is down" "*" "$plain/team/small:1" "HTTP_PROXY=http://$closed"
	pulls "NO_PROXY goes round it" "$plain/team/small:1" "HTTP_PROXY=http://$closed" \
		"NO_PROXY=other.example,$address"
fi
settings ""
pulls "loopback goes round every proxy" "$open/team/small:1" "HTTP_PROXY=http://$closed"

# --- where credentials are ---
rm -r "$home/.docker"
mkdir -p "$work/other/containers" "$work/helpers" "$home/.docker"
auth="\"auth\": \"$(printf 'user:pass word' | base64)\""
echo "{\"auths\": {\"$locked\": {$auth}}}" >other/containers/auth.json
echo "{\"auths\": {\"127.0.0.1:1\": {$auth}, \"$locked/team\": {$auth}}}" >other/team.json
cat >helpers/docker-credential-real <<EOF
#!/bin/sh
read -r server
echo "\$1 \$server" >>$work/helpers/asked
[ "\$server" = "$locked" ] || { echo "credentials not found in native keychain"; exit 1; }
echo '{"ServerURL": "'\$server'", "Username": "user", "Secret": "pass word"}'
EOF
chmod 755 helpers/docker-credential-real
touch helpers/asked
chmod -R a+rX other helpers
chmod 666 helpers/asked
path="PATH=$work/helpers:$PATH"
refuses "no credentials anywhere" "*needs a login*" "$locked/team/small:1"
pulls "REGISTRY_AUTH_FILE" "$locked/team/small:1" "REGISTRY_AUTH_FILE=$work/other/team.json"
pulls "XDG_RUNTIME_DIR" "$locked/team/small:1" "XDG_RUNTIME_DIR=$work/other"
for json in "\"credHelpers\": {\"$locked\": \"real\"}" '"credsStore": "real"'; do
	echo "{$json}" >"$home/.docker/config.json"
	chmod -R a+rX "$home/.docker"
	pulls "a helper program by ${json%%:*}" "$locked/team/small:1" "$path"
	is "$(tail -n 1 helpers/asked)" "get $locked" "is asked as docker asks"
	refuses "a helper that is not installed" "*docker-credential-real*" "$locked/team/small:1"
done
done_testing
