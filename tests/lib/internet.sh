# SPDX-License-Identifier: MIT
# What a machine of machine.sh has behind its network card instead of the internet: a host with a
# public address, in a network namespace of its own, which is its DNS server, Docker Hub and some web
# sites, all with a certificate that the machine trusts.  Source after machine.sh.
#
#	internet NAME...	makes it; each NAME is a web site that answers "This is NAME."
#	hub_image REF TREE	puts an image of one layer on Docker Hub: "library/alpine:latest"

internet() {
	in_machine sh -s "$@" <<'END'
public=93.184.215.14
hub="index.docker.io registry-1.docker.io"
mkdir /run/internet && cd /run/internet && exec >log 2>&1 || exit 1
set -e

ip netns add internet
ip link add eth0 type veth peer name eth0 netns internet
ip address add 192.0.2.2/24 dev eth0
ip link set eth0 up
ip route add default via 192.0.2.1
ip -n internet address add 192.0.2.1/24 dev eth0
ip -n internet address add $public/32 dev lo
ip -n internet link set eth0 up
ip -n internet link set lo up

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=internet" \
	-addext "subjectAltName=$(printf 'DNS:%s,' $hub "$@" | sed 's/,$//')" \
	-keyout key.pem -out cert.pem
cat cert.pem >>/etc/ssl/certs/ca-certificates.crt
rm -f /etc/resolv.conf
echo "nameserver 192.0.2.1" >/etc/resolv.conf

cat >registry.yml <<CONFIG
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: /run/internet/registry}}
http: {addr: "127.0.0.1:5000"}
CONFIG
cat >nginx.conf <<CONFIG
user root;
daemon off;
pid /run/internet/nginx.pid;
events {}
http {
	access_log off;
	client_max_body_size 0;
	ssl_certificate /run/internet/cert.pem;
	ssl_certificate_key /run/internet/key.pem;
	server {
		listen $public:443 ssl;
		server_name $hub;
		location / { proxy_pass http://127.0.0.1:5000; proxy_set_header Host \$http_host; }
	}
	server {
		listen $public:80 default_server;
		listen $public:443 ssl default_server;
		location / { return 200 "This is \$host.\n"; }
	}
}
CONFIG
inside="ip netns exec internet"
$inside dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --pid-file= \
	--bind-interfaces --listen-address=192.0.2.1 --no-resolv --no-hosts --address=/#/ \
	$(printf -- "--address=/%s/$public " $hub "$@") &
$inside docker-registry serve registry.yml &
$inside nginx -c /run/internet/nginx.conf -e /run/internet/log &
for port in 192.0.2.1:53 127.0.0.1:5000 $public:443; do
	timeout 20 sh -c 'until $0 ss -Htuln src $1 | grep -q .; do sleep 0.1; done' "$inside" $port
done
END
}

hub_image() {
	in_machine sh -s "$@" <<'END'
mkdir /run/internet/new && cd /run/internet/new && exec >>/run/internet/log 2>&1 || exit 1
tar -C "$2" --owner=0 --group=0 -cf layer.tar . &&
	umoci init --layout image && umoci new --image image:1 &&
	umoci raw add-layer --image image:1 layer.tar &&
	ip netns exec internet skopeo --insecure-policy copy --dest-tls-verify=false \
		oci:image:1 "docker://127.0.0.1:5000/$1" && rm -r /run/internet/new
END
}
