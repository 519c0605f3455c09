# SPDX-License-Identifier: MIT
# Images made by hand, put into the user's store: source after matchlock.sh.
#
#	tree_layer DIR		the directory as a layer, all of root's; prints its digest
#	stream_layer <SCRIPT	the same of a script for erofs_stream
#	register TAG CONFIG DIGEST...	an image of these layers, base first; CONFIG: JSON

store=$home/.cache/matchlock/images
ml image list >/dev/null # makes the store

keep_layer() {
	local sum
	sum=$(sha256sum <"$1" | cut -d ' ' -f 1)
	mv "$1" "$store/blobs/sha256_$sum.erofs"
	[ "$(id -u)" -ne 0 ] || chown "$test_uid:$test_uid" "$store/blobs/sha256_$sum.erofs"
	echo "sha256:$sum"
}

tree_layer() {
	"$MATCHLOCK_BUILD/tools/mkerofs" --owner-root --mtime 1 "$1" "$work/layer.erofs" &&
		keep_layer "$work/layer.erofs"
}

stream_layer() {
	"$MATCHLOCK_BUILD/tests/erofs_stream" "$work/layer.erofs" && keep_layer "$work/layer.erofs"
}

register() {
	local tag=$1 config=$2 digest ordinal=0
	shift 2
	{
		for digest; do
			echo "INSERT INTO image_layers (scope, tag, ordinal, digest)" \
				"VALUES ('local', '$tag', $ordinal, '$digest');"
			ordinal=$((ordinal + 1))
		done
		echo "INSERT INTO images (scope, tag, digest, created_at, source, rootfs_path," \
			"oci_json, updated_at) VALUES ('local', '$tag', '$digest'," \
			"'2026-01-01T00:00:00Z', 'import', '$store/blobs/$(echo "$digest" |
				tr : _).erofs', '$config', '2026-01-01T00:00:00Z');"
	} >"$work/register.sql"
	as_user sqlite3 "$store/metadata.db" <"$work/register.sql"
}
