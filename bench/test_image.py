# SPDX-License-Identifier: MIT
"""The image of bench/images.py: Debian with Python, git and Perl, 300 MB as a tar, in one layer or
three, in gzip or zstd.  It is made by mmdebstrap from the machine's own mirror; where that fails,
of as many bytes of the files of /usr.  OCI layouts in ~/.cache/matchlock/bench/images."""
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile

PACKAGES = "python3,python3-pip,git,perl,ca-certificates,curl"
SIZE = 300 * 1000 * 1000
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                     "matchlock/bench/images")
COMPRESSORS = {"gzip": ["gzip", "-6", "-n", "-c"], "zstd": ["zstd", "-3", "-q", "-c"]}
STEP = 1 << 20


class Image:
    def __init__(self, name):
        self.path = os.path.join(CACHE, name)
        manifest = self.blob(read_json(self.path + "/index.json")["manifests"][0]["digest"])
        self.layers = [self.blob(layer["digest"]) for layer in read_json(manifest)["layers"]]
        with open(CACHE + "/about") as file:
            self.about = file.read().strip()

    def blob(self, digest):
        return os.path.join(self.path, "blobs/sha256", digest.split(":")[1])


def read_json(path):
    with open(path) as file:
        return json.load(file)


def images():
    """By their names: "one-gzip", "three-gzip", "one-zstd", "three-zstd"."""
    if not os.path.exists(CACHE):
        make()
    return {name: Image(name) for name in
            (count + "-" + how for how in COMPRESSORS for count in ("one", "three"))}


def make():
    os.makedirs(os.path.dirname(CACHE), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(CACHE)) as work:
        whole = work + "/whole.tar"
        about = debian(whole) or usr(whole)
        made = work + "/made"
        parts = split(whole, work)
        for how in COMPRESSORS:
            write_layout(os.path.join(made, "one-" + how), [whole], how)
            write_layout(os.path.join(made, "three-" + how), parts, how)
        with open(made + "/about", "w") as file:
            file.write("image: %s, %d MB as tar\n" % (about, os.path.getsize(whole) // 1000000))
        os.rename(made, CACHE)


def debian(path):
    print("making the test image: takes a few minutes, once", flush=True)
    result = subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--include=" + PACKAGES,
                             "--skip=output/dev", "bookworm", path], stdin=subprocess.DEVNULL)
    return "Debian with " + PACKAGES if result.returncode == 0 else None


def usr(path):
    """Files of /usr: about as many bytes for each of the three layers."""
    with tarfile.open(path, "w") as tar:
        for folder in ("/usr/bin", "/usr/lib", "/usr/share"):
            left = SIZE // 3
            for file in files_of(folder):
                size = os.lstat(file).st_size
                if size < left and os.access(file, os.R_OK):
                    tar.add(file, recursive=False)
                    left -= size
    return "files of /usr"


def files_of(folder):
    for parent, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            yield os.path.join(parent, name)


def part_of(name):
    for number, prefix in enumerate(("usr/lib", "usr/share")):
        if (name.lstrip("./") + "/").startswith(prefix + "/"):
            return number + 1
    return 0


def split(whole, work):
    """The tar as three: all but these, /usr/lib, /usr/share."""
    paths = [work + "/part%d.tar" % number for number in range(3)]
    parts = [tarfile.open(path, "w", format=tarfile.PAX_FORMAT) for path in paths]
    with tarfile.open(whole) as tar:
        for member in tar:
            number = part_of(member.name)
            data = tar.extractfile(member) if member.isreg() or member.islnk() else None
            if member.islnk() and part_of(member.linkname) != number:
                member.type = tarfile.REGTYPE
                member.size = tar.getmember(member.linkname).size
            parts[number].addfile(member, data if member.isreg() else None)
    for part in parts:
        part.close()
    return paths


def digest_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(STEP):
            digest.update(data)
    return digest.hexdigest()


def keep(layout, path, media_type):
    """Moves the file into the layout: its descriptor."""
    digest, size = digest_of(path), os.path.getsize(path)
    shutil.move(path, os.path.join(layout, "blobs/sha256", digest))
    return {"mediaType": media_type, "digest": "sha256:" + digest, "size": size}


def keep_json(layout, value, kind):
    path = layout + "/document"
    with open(path, "w") as file:
        json.dump(value, file)
    return keep(layout, path, "application/vnd.oci.image.%s.v1+json" % kind)


def write_layout(layout, tars, how):
    os.makedirs(layout + "/blobs/sha256")
    layers = []
    for tar in tars:
        with open(layout + "/layer", "wb") as out:
            subprocess.run([*COMPRESSORS[how], tar], stdout=out, check=True)
        layers.append(keep(layout, layout + "/layer",
                           "application/vnd.oci.image.layer.v1.tar+" + how))
    config = keep_json(layout, {
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest_of(tar) for tar in tars]},
    }, "config")
    manifest = keep_json(layout, {"schemaVersion": 2, "config": config, "layers": layers,
                                  "mediaType": "application/vnd.oci.image.manifest.v1+json"},
                         "manifest")
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "image"}
    with open(layout + "/index.json", "w") as file:
        json.dump({"schemaVersion": 2, "manifests": [manifest]}, file)
    with open(layout + "/oci-layout", "w") as file:
        file.write('{"imageLayoutVersion": "1.0.0"}')
