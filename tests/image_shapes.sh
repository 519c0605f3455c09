#!/bin/sh
# SPDX-License-Identifier: MIT
# Images that are not the base image: without a shell, of many layers, with a configuration of their
# own, with odd things where the guest puts its files, and modules that load in all of them.
. "$(dirname "$0")/lib/tap.sh"
requires qemu-system-x86_64 sqlite3
. "$(dirname "$0")/lib/matchlock.sh"
. "$(dirname "$0")/lib/store.sh"

busybox=$MATCHLOCK_BUILD/guest/base/bin/busybox

# shape TAG CONFIG: the directory tree as an image of one layer; leaves an empty `tree`.
shape() {
	register "$1" "$2" "$(tree_layer tree)"
	rm -rf tree
	mkdir -m 755 tree
}
mkdir -m 755 tree

# --- nothing but one program ---

cp "$busybox" tree/busybox
shape alone '{}'
alone() {
	ml run --image alone -- "$@"
}

out=$(alone /busybox sh -c '
	b=/busybox
	for f in "$@"; do $b echo "$f"; done
	$b echo "$PATH $HOME"
	$b ls /
	$b stat -c "%n %A %U:%G" /tmp /etc/hosts
	$b cat /etc/hostname
	$b ls -l /dev/fd /dev/stdout | $b sed "s/.* //"
	read x </etc/machine-id; $b echo ${#x}
	cd /lib/modules/$($b uname -r) && $b ls -d kernel
	exit 5' - "a  b" '$HOME' '' 2>&1)
is "$?" 5 "an image of one program: its exit code"
is "$out" "a  b
\$HOME

/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /
busybox
dev
etc
lib
proc
run
sys
tmp
/tmp drwxrwxrwt UNKNOWN:UNKNOWN
/etc/hosts -rw-r--r-- UNKNOWN:UNKNOWN
$(echo "$out" | grep '^vm-')
/proc/self/fd
/proc/self/fd/1
32
kernel" "its words are executed as they are, and what the guest promises is there"
alone busybox 2>err
is "$?:$(cat err)" "127:matchlock: busybox: not found" "without a shell: a name that is not on PATH"
alone /tmp 2>err
is "$?:$(cat err)" "126:matchlock: /tmp: Permission denied" "and what is no program"
ml run --image alone -u 1:1 -- /busybox id >out 2>err
is "$?:$(cat out err)" "0:uid=1 gid=1 groups=1" "a user by number needs no /etc/passwd"
ml run --image alone 2>err
is "$?" 1 "an image without a command, and none given: exit 1"
out=$(ml run -it --image alone -- /busybox tty </dev/null 2>&1)
is "$?" 1 "-it without a terminal: exit 1"

# --- layers that hide each other ---

mkdir -p tree/bin tree/data/dir tree/opaque tree/gone tree/lib
cp "$busybox" tree/bin/busybox
for applet in sh ls cat find sort rm mkdir mv ln stat touch; do
	ln -s busybox "tree/bin/$applet"
done
for file in data/keep data/hide data/replace data/dir/below opaque/old gone/old; do
	echo "base of $file" >"tree/$file"
done
echo 'echo base' >tree/bin/tool
chmod 755 tree/bin/tool
base_layer=$(tree_layer tree)
rm -rf tree
second=$(stream_layer <<'END'
dir data
whiteout data/hide
whiteout gone
whiteout bin/tool
END
)
third=$(stream_layer <<'END'
dir opaque
opaque opaque
file opaque/new third
dir data
file data/replace third
END
)
fourth=$(stream_layer <<'END'
dir gone
file gone/new fourth
whiteout opaque/none
dir data
whiteout data/dir
file data/dir2 fourth
END
)
mkdir -p tree/data/dir tree/bin
chmod -R 755 tree
echo fifth >tree/data/dir/again
echo 'echo fifth' >tree/bin/tool
chmod 755 tree/bin/tool
fifth=$(tree_layer tree)
rm -rf tree
mkdir -m 755 tree
register layered '{}' "$base_layer" "$second" "$third" "$fourth" "$fifth"
is "$(ml run --image layered -- sh -c 'cd / && find data opaque gone -type f | sort | while read f; do
	echo "$f: $(cat $f)"; done; tool' 2>&1)" "data/dir/again: fifth
data/dir2: fourth
data/keep: base of data/keep
data/replace: third
gone/new: fourth
opaque/new: third
fifth" "five layers: the upper hide, remove and replace what is below"
is "$(ml run --image layered -- sh -c 'set -e; cd /; rm data/keep opaque/new; rm -r gone; mkdir gone
	echo mine >data/dir/again; mv data/dir data/moved; ln data/dir2 data/linked; touch opaque/old
	find data opaque gone -type f | sort; cat data/moved/again; stat -c %h data/dir2' 2>&1)" "data/dir2
data/linked
data/moved/again
data/replace
opaque/old
mine
2" "and they can be changed, removed, moved and linked"

# --- configuration ---

mkdir -p tree/usr/bin tree/usr/sbin tree/usr/lib tree/etc tree/work tree/home/app
for dir in bin sbin lib; do
	ln -s "usr/$dir" "tree/$dir"
done
cp "$busybox" tree/usr/bin/busybox
for applet in sh id env pwd readlink ls cat; do
	ln -s busybox "tree/usr/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n' >tree/etc/passwd
printf 'root:x:0:\napp:x:1001:\nextra:x:2000:other,app\n' >tree/etc/group
shape configured '{"user": "app", "working_dir": "/work", "entrypoint": ["/bin/sh", "-c"],
	"cmd": ["id; pwd; echo $HOME $A $B"], "env": {"A": "one", "B": "two words",
	"PATH": "/usr/bin"}}'
is "$(ml run --image configured -e A=changed 2>&1)" "uid=1000(app) gid=1001(app) groups=1001(app),2000(extra)
/work
/home/app changed two words" "user, directory, entrypoint, command and environment of the image"
is "$(ml run --image configured -u root -w / --entrypoint env -- -i A=3 env 2>&1)" A=3 \
	"each can be replaced"
is "$(ml run --image configured -- 'for d in bin sbin lib; do readlink /$d; done
	ls -d /lib/modules/*/kernel >/dev/null && echo modules' 2>&1)" "usr/bin
usr/sbin
usr/lib
modules" "links of a merged /usr stay links"

# --- odd things ---

cp "$busybox" tree/busybox
mkdir tree/etc tree/real
echo untouched >tree/real/hosts
ln -s ../real/hosts tree/etc/hosts
ln -s /dev/full tree/etc/hostname
ln -s /no/where tree/etc/machine-id
mkfifo tree/etc/resolv.conf tree/etc/passwd
echo file >tree/tmp
ln -s var/run tree/run # leads nowhere
ln -s usr/lib tree/lib # so does this
shape odd '{}'
is "$(ml run --timeout 60 --image odd -- /busybox sh -c 'b=/busybox; set -e
	$b cat /real/hosts; $b head -1 /etc/hosts | $b cut -d " " -f 1; $b head -1 /etc/resolv.conf
	$b readlink /etc/machine-id; $b test -f /etc/hostname; $b cat /tmp; $b readlink /lib; $b readlink /run
	$b touch /run/x' 2>&1)" "untouched
127.0.0.1
nameserver 8.8.8.8
/no/where
file
usr/lib
var/run" "links, FIFOs and files in the wrong place are replaced or left alone, never followed"

cp "$busybox" tree/busybox
mkdir -p tree/etc/hosts/x
shape wrong '{}'
out=$(ml run --image wrong -- /busybox true 2>&1)
is "$?" 1 "a directory at /etc/hosts: exit 1"
like "$out" "*/etc/hosts*directory*" "a directory at /etc/hosts: it is named"

cp "$busybox" tree/busybox
echo file >tree/proc
shape unmountable '{}'
out=$(ml run --image unmountable -- /busybox true 2>&1)
is "$?" 1 "a file at /proc: exit 1"
like "$out" "*'/proc'*ot a directory*" "a file at /proc: it is named"

cp "$busybox" tree/busybox
mkdir tree/etc
head -c 5000000 /dev/zero | tr '\0' x >tree/etc/passwd
shape huge '{}'
out=$(ml run --image huge -- /busybox true 2>&1)
is "$?" 127 "a huge /etc/passwd: exit 127"
like "$out" "*/etc/passwd is larger than*" "a huge /etc/passwd: it is named"

# --- modules ---

cp "$MATCHLOCK_BUILD/tests/autoload" tree/autoload
shape modules '{}'
out=$(ml run --image modules -- /autoload /dev/loop0 /dev/net/tun /dev/fuse 2>&1)
is "$out" "ok /dev/loop0
ok /dev/net/tun
ok /dev/fuse
ok nf_tables" "modules load by themselves in an image that knows nothing of them"
leaves_nothing "after all shapes"
done_testing
