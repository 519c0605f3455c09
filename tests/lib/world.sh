# SPDX-License-Identifier: MIT
# A world of its own for a test of the network: source after tap.sh and before matchlock.sh.
#
# The test goes on in a network namespace, its "host", from which one cable leads to a second
# namespace that holds everything else there is: the public internet, the host's LAN, the metadata
# address of a cloud, a resolver.  It also has a mount and a process namespace, with which all of it
# ends, however the test ends; nothing of this machine is touched.
#
#	far COMMAND...		out there
#	answers NAME ADDRESS...	what the resolver says of a name from now on
#	asked			the names that the resolver was asked for, since forget_asked
#	capture_start		all packets of the host from here on, on the cable and on loopback
#	capture_stop
#	captured [FILTER]	those that tcpdump's filter lets through, one a line
#	capture_mark		captured_since shows only what came after the last one
#	requests		what the web servers were asked: ADDRESS:PORT NAME "REQUEST"; with TLS
#				the name is that of the handshake and of the request, "a/b"
#	callers			who connected to one of world.py's servers: KIND ADDRESS:PORT
#	forget_seen		empties the last two
#	host_state		packet filter, links, addresses, routes and settings of the host
#
#	$ca			the authority of all certificates
#	$resolver		what /etc/resolv.conf names
#	$host_ip, $host_ip6	the host's own addresses on the internet
#
# Everything out there answers, so that a hole would show: the web servers listen at every address
# at ports 80, 443, 8080 and 8443 and say NAME ADDRESS:PORT.  Further ones:
#
#	93.184.216.36:80	httpbin
#	93.184.216.37		ssh at 22, iperf3 at 5201, world.py's "hello" at 2525, "digest" at 7000
#	192.168.77.3:3128	a proxy; :3129 one for user "proxy" with password "secret"
#	127.0.0.1, host's own	world.py's "hello" at 5432, a web server at 80

[ "$(id -u)" -eq 0 ] || skip_all "only root can make a world to test in"
requires dnsmasq dropbear dbclient gunicorn iperf3 nginx openssl tcpdump tinyproxy
if [ -z "${MATCHLOCK_WORLD:-}" ]; then
	trap - EXIT HUP INT TERM
	MATCHLOCK_WORLD=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0"
fi

unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
resolver=45.33.32.53
host_ip=45.33.32.2
host_ip6=2600:3c01::2
world=$(mktemp -d "${TMPDIR:-/tmp}/matchlock-world.XXXXXX")
cleanup_fn rm -rf "$world"
chmod 755 "$world"
ca=$world/ca.pem
lib=$(readlink -f "$(dirname "$0")/lib")
python=/usr/bin/python3 # whatever else comes first in PATH: that of the Debian packages

# What is out there besides: the web, public resolvers, the LAN, the addresses of another sandbox's
# guest and gateway, synthetic ones, forms that hide an IPv4 address.
far_addresses="93.184.216.34 93.184.216.35 93.184.216.36 93.184.216.37 93.184.216.38 8.8.8.8 1.1.1.1
	$resolver 10.1.2.3 172.16.9.9 192.168.77.2 192.168.77.3 169.254.169.254 100.64.0.1
	100.64.0.2 198.18.0.1 192.0.2.1 2606:2800:220:1::34 2606:2800:220:1::35 fd00:77::2
	64:ff9b::a01:203 64:ff9b::5db8:d823"

far() {
	ip netns exec far "$@"
}

# --- the cable; without ARP and neighbour discovery, so that every packet on it means something

lay_cable() {
	ip link set lo up
	far ip link set lo up
	ip link add cable type veth peer name cable netns far
	has "" cable "$host_ip/24" 192.168.77.1/24 "$host_ip6/64"
	has far cable 45.33.32.1/24 2600:3c01::1/64
	has far lo $far_addresses
	ip link set cable addrgenmode none arp off address 02:00:00:00:00:02 up
	far ip link set cable addrgenmode none arp off address 02:00:00:00:00:01 up
	meet "" 02:00:00:00:00:01 45.33.32.1 2600:3c01::1 "$resolver" 192.168.77.2 192.168.77.3
	meet far 02:00:00:00:00:02 "$host_ip" "$host_ip6" 192.168.77.1
	ip route add default via 45.33.32.1
	ip route add default via 2600:3c01::1
	far ip route add 192.168.77.1 dev cable
	far ip route add blackhole 93.184.216.33
}

# has WHERE DEVICE ADDRESS...
has() {
	local where=$1 device=$2 address nodad
	shift 2
	for address; do
		nodad=
		case $address in *:*) nodad=nodad ;; esac
		$where ip address add "$address" dev "$device" $nodad
	done
}

# meet WHERE MAC ADDRESS...: whose station is known.
meet() {
	local where=$1 mac=$2 address
	shift 2
	for address; do
		$where ip neigh add "$address" lladdr "$mac" dev cable nud permanent
	done
}

# A host that routes for containers: the worst that a sealed network could inherit.
be_careless() {
	local ipv4=/proc/sys/net/ipv4 dir
	echo 1 >$ipv4/ip_forward
	for dir in all default cable lo; do
		echo 1 >$ipv4/conf/$dir/route_localnet
		echo 1 >$ipv4/conf/$dir/accept_source_route
		echo 0 >$ipv4/conf/$dir/rp_filter
	done
}

host_state() {
	nft list ruleset
	ip link
	ip address
	ip route show table all
	ip -6 route show table all
	ip rule
	sysctl -a -r '^net\.(ipv4|ipv6)\.' 2>/dev/null | grep -v fib_sync_mem
}

# --- servers

make_certificates() {
	(
		cd "$world" || exit
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
			-subj "/CN=test CA" -keyout ca.key -out ca.pem
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=web \
			-keyout web.key -out web.csr
		echo 'subjectAltName=DNS:*.allowed.org,DNS:*.denied.org,DNS:allowed.org' >san
		openssl x509 -req -in web.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
			-extfile san -out web.pem
	)
	chmod 644 "$ca"
}

# web_server NAME WHERE LISTEN...
web_server() {
	local name=$1 where=$2
	shift 2
	cat >"$world/$name.conf" <<EOF
daemon off;
user root;
pid $world/$name.pid;
error_log $world/$name.error;
events { worker_connections 4096; }
http {
	map \$ssl_server_name \$names { "" \$host; default \$ssl_server_name/\$host; }
	log_format seen '\$server_addr:\$server_port \$names "\$request"';
	access_log $world/requests seen;
	client_body_temp_path $world/$name.a; proxy_temp_path $world/$name.b;
	fastcgi_temp_path $world/$name.c; uwsgi_temp_path $world/$name.d;
	scgi_temp_path $world/$name.e;
	server {
		$(printf 'listen %s;\n' "$@")
		ssl_certificate $world/web.pem;
		ssl_certificate_key $world/web.key;
		location / { return 200 "\$host \$server_addr:\$server_port\n"; }
		location /data/ { root $world; }
		location /to { return 302 http://\$arg_host/; }
	}
}
EOF
	$where nginx -c "$world/$name.conf" -e "$world/$name.error" &
}

serve_web() {
	local address
	set --
	for address in $far_addresses; do
		case $address in
		93.184.216.36) continue ;; # httpbin's
		*:*) address="[$address]" ;;
		esac
		set -- "$@" "$address:80" "$address:8080" "$address:443 ssl" "$address:8443 ssl"
	done
	web_server far far "$@"
	web_server host "" 80 '[::]:80'
}

serve_names() {
	mkdir -m 755 "$world/names"
	cat >"$world/dns.conf" <<EOF
no-resolv
no-hosts
bind-interfaces
keep-in-foreground
user=root
pid-file=$world/dns.pid
listen-address=$resolver,8.8.8.8,1.1.1.1
hostsdir=$world/names
log-queries
log-facility=$world/dns.log
local=/org/internal/
host-record=www.allowed.org,93.184.216.34,2606:2800:220:1::34
host-record=allowed.org,93.184.216.34
host-record=other.allowed.org,93.184.216.38
host-record=www.denied.org,93.184.216.35,2606:2800:220:1::35
host-record=bin.allowed.org,93.184.216.36
host-record=shell.allowed.org,93.184.216.37
host-record=six.allowed.org,2606:2800:220:1::34
address=/half.allowed.org/93.184.216.33
address=/half.allowed.org/93.184.216.34
host-record=metadata.allowed.org,169.254.169.254
host-record=inside.allowed.org,10.1.2.3
host-record=inside6.allowed.org,fd00:77::2
address=/both.allowed.org/93.184.216.34
address=/both.allowed.org/10.1.2.3
host-record=nat64.allowed.org,64:ff9b::a01:203
host-record=myself.allowed.org,$host_ip
host-record=loop.allowed.org,127.0.0.1
host-record=zero.allowed.org,0.0.0.0
cname=alias.allowed.org,www.denied.org
txt-record=www.allowed.org,a text
txt-record=www.denied.org,another text
mx-host=allowed.org,mail.allowed.org,10
srv-host=_sip._tcp.allowed.org,sip.allowed.org,5060
address=/tunnel.org/93.184.216.34
EOF
	far dnsmasq -C "$world/dns.conf" &
}

answers() {
	local name=$1 address
	shift
	for address; do
		echo "$address $name"
	done >"$world/names/$name.new~" # not read: it ends in "~"
	mv "$world/names/$name.new~" "$world/names/$name"
	until [ "$(far "$python" "$lib/world.py" ask "$resolver" "$name")" = "$*" ]; do
		sleep 0.1
	done
	forget_asked
}

serve_shell() {
	mkdir -p "$world/git/.ssh"
	dropbearkey -t ed25519 -f "$world/host.key"
	dropbearkey -t ed25519 -f "$world/user.key" |
		grep '^ssh-ed25519' >"$world/git/.ssh/authorized_keys"
	chmod 700 "$world/git" "$world/git/.ssh"
	chown -R 4242:4242 "$world/git"
	{
		cat /etc/passwd
		echo "git:x:4242:4242::$world/git:/bin/sh"
	} >"$world/passwd"
	mount --bind "$world/passwd" /etc/passwd
	far dropbear -F -E -s -r "$world/host.key" -P "$world/ssh.pid" -p 93.184.216.37:22 &
}

serve_proxy() {
	cat >"$world/$1.conf" <<EOF
Listen 192.168.77.3
Port $1
User root
Group root
PidFile "$world/$1.pid"
LogFile "$world/$1.log"
LogLevel Connect
Timeout 60
MaxClients 100
${2:-}
EOF
	far tinyproxy -d -c "$world/$1.conf" &
}

serve_all() {
	mount --bind "$world/resolv.conf" /etc/resolv.conf
	mount --bind "$world/hosts" /etc/hosts
	mkdir "$world/data"
	forget_seen
	make_certificates
	serve_web
	serve_names
	serve_shell
	serve_proxy 3128
	serve_proxy 3129 'BasicAuth proxy secret'
	far gunicorn --log-level error -w 2 -b 93.184.216.36:80 httpbin:app &
	far iperf3 -s -B 93.184.216.37 &
	far "$python" "$lib/world.py" serve "$world/callers" hello=93.184.216.37:2525 \
		digest=93.184.216.37:7000 hello=192.168.77.2:5432 hello=10.1.2.3:5432 &
	"$python" "$lib/world.py" serve "$world/callers" hello=127.0.0.1:5432 \
		"hello=$host_ip:5432" hello=192.168.77.1:5432 &
}

# Each server is asked once; what that leaves in the logs goes.
await_all() {
	"$python" "$lib/world.py" await 93.184.216.34:80 93.184.216.34:443 93.184.216.36:80 \
		93.184.216.37:22 93.184.216.37:5201 93.184.216.37:2525 10.1.2.3:5432 \
		192.168.77.3:3128 192.168.77.3:3129 "$resolver:53" 127.0.0.1:5432 127.0.0.1:80 ||
		exit 1
	forget_asked
	forget_seen
}

# --- what was seen

asked() {
	sed -n 's/.*: query\[[^]]*\] \([^ ]*\) from .*/\1/p' "$world/dns.log" | sort -u
}

forget_asked() {
	: >"$world/dns.log"
}

requests() {
	sort -u "$world/requests"
}

callers() {
	sort -u "$world/callers"
}

forget_seen() {
	: >"$world/requests"
	: >"$world/callers"
}

marks() {
	tcpdump -nr "$world/capture" udp port 9 2>/dev/null | wc -l
}

# A datagram from here to here, at the port that is for this only: once it is in the file, so is
# all that was before it.
capture_mark() {
	local before
	before=$(marks)
	until [ "$(marks)" -gt "$before" ]; do
		"$python" "$lib/world.py" mark
	done
}

capture_start() {
	rm -f "$world/capture"
	tcpdump -i any -n -U --immediate-mode -B 65536 -s 128 -Z root -w "$world/capture" \
		2>"$world/tcpdump.log" &
	capturer=$!
	capture_mark
}

capture_stop() {
	capture_mark
	kill -INT "$capturer"
	wait "$capturer"
}

captured() {
	tcpdump -nnr "$world/capture" "not udp port 9 ${1:+and ($1)}" 2>/dev/null
}

# The last mark of all is capture_stop's.
captured_since() {
	tcpdump -nnr "$world/capture" "udp port 9 or ($1)" 2>/dev/null |
		awk '/ 127.0.0.1.9 > 127.0.0.1.9: / { last = now; now = ""; next }
			{ now = now $0 "\n" }
			END { printf "%s", last }'
}

# ---

echo "nameserver $resolver" >"$world/resolv.conf"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$world/hosts"
mount -t tmpfs none /run # for `ip netns`
ip netns add far
lay_cable
be_careless
serve_all >"$world/log" 2>&1
await_all
