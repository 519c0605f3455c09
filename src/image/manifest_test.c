// SPDX-License-Identifier: MIT
#include "image/manifest.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/tap.h"

#include <stdlib.h>

#define HEX(c)	 c c c c c c c c
#define HEX64(c) HEX(c) HEX(c) HEX(c) HEX(c) HEX(c) HEX(c) HEX(c) HEX(c)
#define A	 "sha256:" HEX64("a")
#define B	 "sha256:" HEX64("b")
#define C	 "sha256:" HEX64("c")

#define OCI    "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."

#define DESCRIPTOR(type, digest, size) \
	"{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":" size "}"
#define CONFIG "\"config\":" DESCRIPTOR(OCI "config.v1+json", A, "10")
#define LAYER  DESCRIPTOR(OCI "layer.v1.tar+gzip", B, "20")
#define ITEM(type, digest, platform)                                                               \
	"{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":5,\"platform\":{" platform \
	"}}"
#define OCI_MANIFEST	       OCI "manifest.v1+json"
#define PLATFORM(os, arch)     "\"os\":\"" os "\",\"architecture\":\"" arch "\""
#define VARIANT(arch, variant) PLATFORM("linux", arch) ",\"variant\":\"" variant "\""

static int parse(const char *text, struct manifest *ret_manifest, struct err *err)
{
	return manifest_parse(view_of(text), ret_manifest, err);
}

static void check_refused(const char *text, const char *want)
{
	struct manifest manifest;
	struct err err = {0};

	CHECK(parse(text, &manifest, &err) < 0);
	CHECK(err.code == ERR_INVALID || err.code == ERR_LIMIT);
	CHECK_STR(err.msg, want);
}

static void test_manifests(void)
{
	AUTO(manifest_done) struct manifest oci = {0}, docker = {0};
	struct err err = {0};

	TEST("a manifest of OCI");
	CHECK(parse("{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER "," DESCRIPTOR(
			    OCI "layer.v1.tar+zstd", C, "30") "],\"annotations\":{\"a\":\"b\"}}",
		    &oci, &err) == 0);
	CHECK(!oci.is_index && oci.count == 2 && !oci.platforms);
	CHECK_STR(oci.config.digest, A);
	CHECK(oci.config.size == 10 && oci.items[0].size == 20 && oci.items[1].size == 30);
	CHECK_STR(oci.items[1].digest, C);
	CHECK_STR(oci.items[1].media_type, OCI "layer.v1.tar+zstd");

	TEST("a manifest of Docker's schema 2");
	CHECK(parse("{\"schemaVersion\":2,\"mediaType\":\"" DOCKER
		    "distribution.manifest.v2+json\",\"config\":" DESCRIPTOR(
			    DOCKER "container.image.v1+json", A,
			    "1") ",\"layers\":[" DESCRIPTOR(DOCKER "image.rootfs.diff.tar.gzip", B,
							    "0") "]}",
		    &docker, &err) == 0);
	CHECK(docker.count == 1 && docker.items[0].size == 0);
}

static void test_refused(void)
{
	TEST("what is not JSON, or doubled, is refused");
	check_refused("", "manifest: line 1, column 0: not valid JSON");
	check_refused("<html>", "manifest: line 1, column 1: not valid JSON");
	check_refused("[]", "manifest: not a JSON object");
	check_refused("{\"a\":1,\"a\":2}", "manifest: line 1: a member is there twice");

	TEST("other documents are refused by their kind");
	check_refused("{\"schemaVersion\":1,\"fsLayers\":[]}",
		      "manifest: Docker's image format of schema 1 is not supported; push the "
		      "image again with a docker of 2017 or later");
	check_refused("{}", "manifest: schemaVersion must be 2");
	check_refused("{\"schemaVersion\":2,\"mediaType\":\"x/y\"}",
		      "manifest: \"x/y\" is not an image");
	check_refused("{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}",
		      "manifest: it has both layers and manifests, and may have one");
	check_refused("{\"schemaVersion\":2,\"config\":" DESCRIPTOR(
			      "application/vnd.cncf.helm.config.v1+json", A,
			      "1") ",\"layers\":[" LAYER "]}",
		      "manifest: this is no container image but "
		      "\"application/vnd.cncf.helm.config.v1+json\"");
	check_refused("{\"schemaVersion\":2," CONFIG ",\"layers\":[]}",
		      "manifest: the image has no layers");
	check_refused("{\"schemaVersion\":2,\"layers\":[" LAYER "]}",
		      "manifest: config must be there");

	TEST("a bad member is named");
	check_refused("{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER ",1]}",
		      "manifest: layers[1] must be an object");
	check_refused("{\"schemaVersion\":2," CONFIG ",\"layers\":{}}",
		      "manifest: layers must be a list");
	check_refused("{\"schemaVersion\":2," CONFIG
		      ",\"layers\":[" DESCRIPTOR(OCI "layer.v1.tar", "sha256:AA", "1") "]}",
		      "manifest: layers[0].digest must be sha256: and 64 lowercase hex digits");
	check_refused("{\"schemaVersion\":2," CONFIG
		      ",\"layers\":[" DESCRIPTOR(OCI "layer.v1.tar", A, "-1") "]}",
		      "manifest: layers[0].size must be a number of bytes");
	check_refused("{\"schemaVersion\":2," CONFIG
		      ",\"layers\":[" DESCRIPTOR(OCI "layer.v1.tar", A, "1.5") "]}",
		      "manifest: layers[0].size must be a number of bytes");
	check_refused("{\"schemaVersion\":2," CONFIG
		      ",\"layers\":[" DESCRIPTOR(OCI "layer.v1.tar+encrypted", A, "1") "]}",
		      "manifest: layers[0].mediaType: \"application/vnd.oci.image.layer.v1.tar+"
		      "encrypted\" is not a tar layer");
	check_refused("{\"schemaVersion\":2,\"config\":" DESCRIPTOR(
			      OCI "config.v1+json", A, "4194305") ",\"layers\":[" LAYER "]}",
		      "manifest: config.size: 4194305 bytes is more than 4194304");
	check_refused("{\"schemaVersion\":2,\"manifests\":[" ITEM(OCI_MANIFEST, A, "\"os\":1") "]}",
		      "index: manifests[0].platform.os must be a string");
}

static void test_limits(void)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE + 100);
	AUTO(manifest_done) struct manifest manifest = {0};
	struct err err = {0};

	TEST("the number of layers and of bytes is limited");
	buf_puts(&text, "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER);
	for (int i = 1; i < LIMIT_IMAGE_LAYERS; i++)
		buf_puts(&text, "," LAYER);
	buf_puts(&text, "]}");
	CHECK(parse(text.ptr, &manifest, &err) == 0 && manifest.count == LIMIT_IMAGE_LAYERS);
	text.len -= 2;
	buf_puts(&text, "," LAYER "]}");
	check_refused(text.ptr, "manifest: layers has more than 128 items");
	while (text.len <= LIMIT_CONFIG_FILE)
		buf_putc(&text, ' ');
	check_refused(text.ptr, "manifest: larger than 4194304 bytes");
}

static const char
	index_text[] =
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI "index.v1+json\",\"manifests\":"
		"[" ITEM(OCI_MANIFEST, "sha256:" HEX64("0"),
			 PLATFORM("unknown",
				  "un"
				  "kn"
				  "ow"
				  "n")) "," ITEM(OCI_MANIFEST, "sha256:" HEX64("1"), VARIANT("amd64", "v3")) "," ITEM(OCI_MANIFEST, "sha256:" HEX64("2"), PLATFORM("linux", "amd64")) "," ITEM(OCI_MANIFEST, "sha256:" HEX64("3"), VARIANT("arm", "v5")) "," ITEM(OCI_MANIFEST, "sha256:" HEX64("4"), VARIANT("arm", "v6")) "," ITEM(OCI_MANIFEST,
																																								     "sha256:" HEX64("5"), VARIANT("arm64", "v8")) "," ITEM(OCI_MANIFEST, "sha256:" HEX64("6"), PLATFORM("windows", "amd64")) "," ITEM("application/x", "sha256:" HEX64("7"), PLATFORM("linux", "s390x")) "," ITEM(OCI_MANIFEST,
																																																																		   "sha256:" HEX64(
																																																																			   "8"),
																																																																		   VARIANT("riscv64",
																																																																			   "rva23")) "]}";

/* `want`: the digit that its digest is made of, or the error. */
static void check_choice(const struct manifest *index, const char *text, const char *want)
{
	AUTO(platform_done) struct platform platform = {0};
	const struct descriptor *item;
	char digit[2] = "";
	struct err err = {0};

	CHECK(platform_parse(text, &platform, &err) == 0);
	if (manifest_choose(index, &platform, &item, &err) < 0) {
		CHECK(err.code == ERR_NOT_FOUND);
		CHECK_STR(err.msg, want);
		return;
	}
	digit[0] = item->digest[7];
	CHECK_STR(digit, want);
}

static void test_index(void)
{
	AUTO(manifest_done) struct manifest index = {0}, unnamed = {0}, empty = {0};
	struct err err = {0};

	TEST("the item for a platform is chosen from an index");
	CHECK(parse(index_text, &index, &err) == 0);
	CHECK(index.is_index && index.count == 9 && !index.config.digest);
	check_choice(&index, "linux/amd64", "2");
	check_choice(&index, "linux/x86_64", "2");
	check_choice(&index, "linux/amd64/v1", "2");
	check_choice(&index, "linux/amd64/v2", "2");
	check_choice(&index, "linux/amd64/v3", "1");
	check_choice(&index, "linux/amd64/v4", "1");
	check_choice(&index, "linux/arm", "4");
	check_choice(&index, "linux/arm/v7", "4");
	check_choice(&index, "linux/arm/v5", "3");
	check_choice(&index, "linux/arm64", "5");
	check_choice(&index, "linux/arm64/v8", "5");
	check_choice(&index, "linux/arm64/v9", "5");
	check_choice(&index, "linux/riscv64", "8");
#ifdef __x86_64__
	check_choice(&index, NULL, "2");
#else
	check_choice(&index, NULL, "5");
#endif

	TEST("what is not there is answered with what is");
	check_choice(&index, "linux/s390x",
		     "the image is not there for linux/s390x; it is for linux/amd64/v3, "
		     "linux/amd64, linux/arm/v5, linux/arm/v6, linux/arm64/v8, windows/amd64, "
		     "linux/riscv64/rva23");
	CHECK(parse("{\"schemaVersion\":2,\"manifests\":[]}", &empty, &err) == 0);
	check_choice(&empty, "linux/amd64",
		     "the image is not there for linux/amd64; it is for no platform at all");

	TEST("an item that names no platform is taken for want of a better one");
	CHECK(parse("{\"schemaVersion\":2,\"manifests\":[" ITEM(
			    OCI_MANIFEST, A,
			    PLATFORM("unknown", "unknown")) "," DESCRIPTOR(OCI "manifest.v1+json",
									   C, "1") "]}",
		    &unnamed, &err) == 0);
	check_choice(&unnamed, "linux/amd64", "c");
}

static void check_platform_refused(const char *text, const char *want)
{
	struct platform platform;
	struct err err = {0};

	CHECK(platform_parse(text, &platform, &err) < 0 && err.code == ERR_INVALID);
	CHECK_STR(err.msg, want);
}

static void test_platforms(void)
{
	static const char *const bad[] = {"",	       "linux",	      "linux/",	      "/amd64",
					  "linux//v8", "linux/a/b/c", "linux/arm64/", "linux/a b"};
	AUTO(platform_done) struct platform platform = {0};
	struct err err = {0};

	TEST("platforms as users type them");
	CHECK(platform_parse("linux/aarch64/v8", &platform, &err) == 0);
	CHECK_STR(platform.os, "linux");
	CHECK_STR(platform.architecture, "arm64");
	CHECK_STR(platform.variant, "v8");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO_FREE char *want = xasprintf("platform \"%s\": must be OS/ARCHITECTURE or "
						 "OS/ARCHITECTURE/VARIANT, as in linux/arm64",
						 bad[i]);

		check_platform_refused(bad[i], want);
	}
	check_platform_refused("windows/amd64",
			       "platform \"windows/amd64\": only linux images can be run");
}

static void test_layer_types(void)
{
	enum layer_compression compression;
	struct err err = {0};

	TEST("layers are known by their media type");
	CHECK(layer_media_type(OCI "layer.v1.tar", &compression, &err) == 0 &&
	      compression == LAYER_PLAIN);
	CHECK(layer_media_type(OCI "layer.nondistributable.v1.tar+zstd", &compression, &err) == 0 &&
	      compression == LAYER_ZSTD);
	CHECK(layer_media_type(DOCKER "image.rootfs.foreign.diff.tar.gzip", &compression, &err) ==
		      0 &&
	      compression == LAYER_GZIP);
	CHECK(layer_media_type("text/plain", &compression, &err) < 0 && err.code == ERR_INVALID);
	CHECK_STR(err.msg, "\"text/plain\" is not a tar layer");
}

int main(void)
{
	test_manifests();
	test_refused();
	test_limits();
	test_index();
	test_platforms();
	test_layer_types();
	return tap_done();
}
