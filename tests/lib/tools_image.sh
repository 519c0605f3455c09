# SPDX-License-Identifier: MIT
# An image with busybox, net_probe and programs of this machine: source after store.sh.
#
#	tools_image PROGRAM...	makes the image "tools"
#	up ARG...		starts $vm, a sandbox of it in the background
#	down			ends it
#	guest COMMAND		runs a shell's command line in $vm, as root; errors come with the output
#	probe VERB		net_probe in $vm, with our standard input

# Into the tree, with the libraries that it takes.
carry() {
	local file
	for file in "$1" $(ldd "$1" | grep -o '/[^ ]*'); do
		install -D "$(readlink -f "$file")" "$work/tools/$file"
	done
}

tools_image() {
	local program
	mkdir -p "$work/tools/bin" "$work/tools/etc" "$work/tools/tmp" "$work/tools/root"
	for program in $(busybox --list); do
		ln -sf busybox "$work/tools/bin/$program"
	done
	cp --remove-destination "$(command -v busybox)" "$work/tools/bin/busybox"
	cp "$MATCHLOCK_BUILD/tests/net_probe" "$work/tools/bin/"
	for program; do
		carry "$(command -v "$program")"
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$work/tools/etc/passwd"
	cp "$ca" "$work/tools/ca.pem"
	cp "$world/user.key" "$work/tools/user.key"
	chmod 600 "$work/tools/user.key"
	register tools '{"env": {"PATH": "/bin:/usr/bin", "HOME": "/root"}, "cmd": ["/bin/sh"]}' \
		"$(tree_layer "$work/tools")"
}

up() {
	vm=$(ml run -d --image tools "$@" 2>"$work/up.err") || {
		cat "$work/up.err" >&2
		exit 1
	}
}

down() {
	ml stop "$vm" >/dev/null
	ml rm "$vm" >/dev/null
}

guest() {
	ml exec "$vm" -- sh -c "$1" 2>&1
}

probe() {
	ml exec -i "$vm" -- net_probe "$1" 2>&1
}
