# SPDX-License-Identifier: MIT
# A directory tree with everything in it, and all that can be told of one: source after tap.sh.
#
#	make_tree DIR	makes it; takes root, setfattr and python3
#	describe DIR	prints it, sorted
#	data FILE SIZE	reproducible bytes without zeros

data() {
	seq 1 "$2" | head -c "$2" >"$1"
}

make_tree() {
	mkdir "$1" && cd "$1" || exit 1
	mkdir sizes many deep 'names' links special attrs modes times
	for size in 0 1 31 4031 4032 4033 4064 4065 4095 4096 4097 8191 8192 8193 131072 131073 \
		1048579; do
		data "sizes/$size" $size
	done
	truncate -s 1M sizes/zeros
	truncate -s 100M sizes/sparse
	echo middle | dd of=sizes/sparse bs=1 seek=50000001 conv=notrunc status=none
	echo end >>sizes/sparse
	(cd many && seq -f 'entry number %05g' 3000 | xargs -d '\n' touch)
	(cd many && mkdir 'a directory among them' && seq -f 'x%g' 500 | xargs mkdir)
	(
		cd deep || exit
		i=0
		while [ $i -lt 300 ]; do
			mkdir component && cd component || exit
			i=$((i + 1))
		done
		echo bottom >file
	)
	long=$(printf '%0255d' 0)
	echo long >"names/$long"
	echo raw >"names/$(printf '\377\376 \001\n\t')"
	for name in '!' '+' '-' '.a' '..b' '...' ' ' '*' '~' 'Z' 'ä' 'a b' '"' '\'; do
		echo "$name" >"names/$name"
	done
	ln -s target links/short
	ln -s "$(printf '%04000d' 0)" links/long
	ln -s "$(printf '%04090d' 0)" links/longest
	ln -s "$(printf '\377/..')" links/raw
	echo one >links/one
	ln links/one links/two
	ln links/one many/three
	data links/big 300000
	ln links/big sizes/big
	ln -P links/short links/short-again
	mkfifo special/fifo
	mknod special/null c 1 3
	mknod special/chr c 4095 1048575
	mknod special/blk b 259 70000
	mknod special/whiteout c 0 0
	mksocket special/socket
	mkdir attrs/dir
	for name in a b c dir; do
		[ -e attrs/$name ] || echo $name >attrs/$name
		setfattr -n user.common -v 'the same everywhere' attrs/$name
		setfattr -n user.own -v "only $name" attrs/$name
	done
	setfattr -n user.empty attrs/a
	setfattr -n user.large -v "$(printf '%03000d' 7)" attrs/b
	setfattr -n trusted.overlay.opaque -v y attrs/dir
	setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 attrs/c
	setfattr -h -n trusted.link -v 1 links/short
	setfattr -n user.root -v 'of the root' .
	setfattr -n system.posix_acl_access \
		-v 0x0200000001000600ffffffff02000400d204000004000400ffffffff10000400ffffffff20000400ffffffff \
		attrs/a 2>/dev/null
	for mode in 0000 0644 4755 2755 1777 7777; do
		touch modes/$mode
		mkdir modes/d$mode
		chown 12:34 modes/$mode
		chmod $mode modes/$mode modes/d$mode
	done
	touch modes/big && chown 4000000000:3000000000 modes/big
	touch -d '1999-12-31 23:59:59.123456789 UTC' times/nsec
	touch -d '1960-01-01 UTC' times/before
	touch -d '2200-01-01 UTC' times/after
	touch -d '2020-02-02 02:02:02 UTC' times/build .
	cd ..
}

mksocket() {
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1"
}

# Everything that can be told of a tree; sizes of directories are each file system's own.
describe() {
	(
		cd "$1" || exit
		find . ! -type d -printf '%p\t%y %m %U %G %s %T@ %n %l\n' | sort
		find . -type d -printf '%p\t%y %m %U %G %T@\n' | sort
		find . \( -type b -o -type c \) -exec stat -c '%n %t:%T' {} + | sort
		find . -print0 | sort -z | xargs -0 getfattr -h -d -m - -e hex 2>/dev/null
		find . -type f -print0 | sort -z | xargs -0 sha256sum
	)
}
