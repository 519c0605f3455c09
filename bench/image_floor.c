// SPDX-License-Identifier: MIT
/*
 * image_floor LAYER OUT: the least that a layer needs in one thread: read it, take its digest,
 * decompress it (gzip by ISA-L, else zstd), take the digest of the tar, write it to OUT.  Prints
 * both digests.  What bench/images.py calls the floor.
 */
#include <isa-l/igzip_lib.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

enum { IN_SIZE = 64 * 1024, OUT_SIZE = 256 * 1024, GZIP_FIRST = 0x1f };

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "image_floor: %s\n", what);
	exit(1);
}

/* Moves as much as fits into the `size` bytes of `out`; the number of bytes made. */
static size_t inflate_gzip(struct inflate_state *state, ZSTD_inBuffer *in, void *out, size_t size)
{
	state->next_in = (uint8_t *)in->src + in->pos;
	state->avail_in = (uint32_t)(in->size - in->pos);
	state->next_out = out;
	state->avail_out = (uint32_t)size;
	check(isal_inflate(state) == ISAL_DECOMP_OK, "corrupt gzip");
	in->pos = in->size - state->avail_in;
	return size - state->avail_out;
}

static size_t inflate_zstd(ZSTD_DStream *stream, ZSTD_inBuffer *in, void *out, size_t size)
{
	ZSTD_outBuffer buffer = {out, size, 0};

	check(!ZSTD_isError(ZSTD_decompressStream(stream, &buffer, in)), "corrupt zstd");
	return buffer.pos;
}

static void print_digest(EVP_MD_CTX *digest)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned int len;

	check(EVP_DigestFinal_ex(digest, bytes, &len), "digest");
	for (unsigned int i = 0; i < len; i++)
		printf("%02x", bytes[i]);
	printf("\n");
	EVP_MD_CTX_free(digest);
}

int main(int argc, char **argv)
{
	static unsigned char in_bytes[IN_SIZE], out_bytes[OUT_SIZE];
	static struct inflate_state gzip;
	static FILE *in_file, *out_file; /* static: whatever fails ends the process */
	EVP_MD_CTX *compressed = EVP_MD_CTX_new(), *tar = EVP_MD_CTX_new();
	ZSTD_DStream *zstd = ZSTD_createDStream();
	bool is_gzip;
	size_t got;

	if (argc == 3) {
		in_file = fopen(argv[1], "rb");
		out_file = fopen(argv[2], "wb");
	}
	check(in_file && out_file, "usage: image_floor LAYER OUT");
	check(EVP_DigestInit(compressed, EVP_sha256()) && EVP_DigestInit(tar, EVP_sha256()),
	      "digest");
	isal_inflate_init(&gzip);
	gzip.crc_flag = ISAL_GZIP;
	is_gzip = ungetc(getc(in_file), in_file) == GZIP_FIRST;
	while ((got = fread(in_bytes, 1, IN_SIZE, in_file)) > 0) {
		ZSTD_inBuffer in = {in_bytes, got, 0};
		size_t made;

		EVP_DigestUpdate(compressed, in_bytes, got);
		do {
			made = is_gzip ? inflate_gzip(&gzip, &in, out_bytes, OUT_SIZE)
				       : inflate_zstd(zstd, &in, out_bytes, OUT_SIZE);
			EVP_DigestUpdate(tar, out_bytes, made);
			check(fwrite(out_bytes, 1, made, out_file) == made, "write");
		} while (made == OUT_SIZE || in.pos < in.size);
	}
	check(fclose(out_file) == 0, "write");
	print_digest(compressed);
	print_digest(tar);
	return 0;
}
