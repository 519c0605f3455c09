# SPDX-License-Identifier: MIT
"""bad_tar.py CASE: writes a tar that no tar program would, for layer.sh."""
import io
import sys
import tarfile


def entry(name, kind=tarfile.REGTYPE, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def dir_(name, mode=0o755, **fields):
    return entry(name, tarfile.DIRTYPE, mode=mode, **fields)


def file_(name, data=b"text\n", **fields):
    return entry(name, data=data, **fields)


def symlink(name, target):
    return entry(name, tarfile.SYMTYPE, linkname=target)


def link(name, target):
    return entry(name, tarfile.LNKTYPE, linkname=target)


def xattrs(values):
    return {"SCHILY.xattr." + name: value for name, value in values.items()}


CASES = {
    "dotdot": [file_("a/../../b")],
    "through-symlink": [symlink("a", "/etc"), file_("a/passwd")],
    "through-file": [file_("a"), file_("a/b")],
    "long-name": [file_("d/" + 256 * "n")],
    "long-path": [file_("/".join(25 * [200 * "p"]))],
    "link-dotdot": [link("a", "../b")],
    "link-to-dir": [dir_("d"), link("a", "d")],
    "nameless-whiteout": [file_("d/.wh.")],
    "whiteout-dotdot": [file_("d/.wh...")],
    "owner": [file_("a", uid=1 << 40)],
    "many-xattrs": [file_("a", pax_headers=xattrs({"user.%d" % i: "v" for i in range(65)}))],
    "large-header": [file_("a", pax_headers={"comment": "c" * (3 << 20)})],
    "zeros": [file_("zeros", bytes(32 << 20))],
    "plain": [file_("/abs/file"), file_("./dot"), file_("d//e/./f"), dir_("empty/")],
    "links": [file_("here"), link("there", "/here"), link("made", "later"), file_("made")],
    "below0": [dir_("etc"), file_("etc/gone"), dir_("opaque", 0o711), file_("opaque/below"),
               file_("stays"), file_("first", b"linked\n", mode=0o600), link("second", "first"),
               link("third", "first"), file_("other", b"linked too\n"),
               dir_("own", 0o1750, uid=7, gid=8, mtime=999, pax_headers=xattrs({"user.own": "1"})),
               dir_("own/deep", 0o700, uid=9), file_("own/deep/file"), dir_("own/gone"),
               dir_("own/deep/x", 0o700), file_("own/deep/x/old")],
    "below1": [file_("etc/.wh.gone"), dir_("opaque", 0o1755, mtime=888),
               file_("opaque/.wh..wh..opq"), dir_("own/deep", 0o705, uid=10, gid=11),
               file_("own/.wh.gone"), file_("own/new")],
    "above": [dir_("new"), file_("new/file"), file_(".wh.stays"), link("taken", "first"),
              link("new/link", "second"), link("./new/again", "./third"),
              link("new/chained", "new/again"), link("new/other", "/other"),
              link("own/deep/implied", "own/deep/file"), file_("taken", b"above\n"),
              link("twice", "other"), link("twice", "first"), link("later", "second"),
              file_("second", b"above\n"), file_("own/deep/more"), file_("opaque/sub/file"),
              file_("opaque/.wh..wh..opq"), file_("own/gone/file"), file_("own/deep/x/y")],
    "x-gone": [link("x", "etc/gone")],
    "x-opaque": [link("x", "opaque/below")],
    "x-dir": [link("x", "own")],
    "x-through": [link("x", "stays/x")],
    "overlay": [file_(".wh..wh.aufs"), dir_(".wh..wh.plnk"), file_(".wh..wh.plnk/1.2"),
                file_("stripped", pax_headers=xattrs({
                    "trusted.overlay.opaque": "y", "trusted.kept": "1",
                    "system.nfs4_acl": "x", "other": "y"}))],
    "upper": [file_("bin/.wh.gone"), file_("opt/.wh..wh..opq"), file_("opt/new"),
              file_(".wh.dir"), file_("etc/.wh.a"), file_("etc/b", b"new\n")],
    "lower": [dir_("bin"), file_("bin/gone"), file_("bin/stays"), dir_("opt"), file_("opt/old"),
              dir_("opt/sub"), dir_("dir"), file_("dir/file"), dir_("etc"), file_("etc/a"),
              file_("etc/b")],
    "empty": [],
}


def huge():
    """A header that promises 2^40 bytes, and nothing behind it."""
    info = tarfile.TarInfo("d/huge")
    info.size = 1 << 40
    return info.tobuf(tarfile.GNU_FORMAT)


def sparse(numbers):
    """A file of GNU's sparse format 0.1 with a map of one's choice."""
    info = tarfile.TarInfo("sparse")
    info.size = 512
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1",
                        "GNU.sparse.size": "2000000", "GNU.sparse.map": numbers,
                        "GNU.sparse.name": "sparse"}
    return info.tobuf(tarfile.PAX_FORMAT) + 512 * b"x" + bytes(1024)


def checksum():
    info = tarfile.TarInfo("first")
    head = bytearray(info.tobuf())
    return bytes(head) + bytes(head[:100]) + b"7" + bytes(head[101:]) + bytes(1024)


def many():
    """A million and more entries."""
    head = tarfile.TarInfo("same").tobuf()
    for _ in range(1030):
        yield 1024 * head


RAW = {
    "huge": huge,
    "sparse-order": lambda: sparse("1000,256,0,256"),
    "sparse-over": lambda: sparse("1999900,512"),
    "checksum": checksum,
}


def names():
    """Names that take more memory than a layer may."""
    for start in range(0, 250000, 1000):
        yield b"".join(tarfile.TarInfo("%0100d" % number).tobuf(tarfile.USTAR_FORMAT)
                       for number in range(start, start + 1000))


PARTS = {
    "many": many,
    "names": names,
}


def main():
    out = sys.stdout.buffer
    case = sys.argv[1]
    if case in PARTS:
        for part in PARTS[case]():
            out.write(part)
        return
    if case in RAW:
        out.write(RAW[case]())
        return
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for info, data in CASES[case]:
            tar.addfile(info, io.BytesIO(data))


main()
