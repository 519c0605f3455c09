// SPDX-License-Identifier: MIT
/*
 * Image references by Docker's rules (distribution/reference):
 *
 *	reference := [registry "/"] component *("/" component) [":" tag] ["@" digest]
 *	registry  := (label *("." label) | "[" IPv6 "]") [":" port]
 *	component := [a-z0-9]+ *(("." | "_" | "__" | "-"+) [a-z0-9]+)
 *	tag       := [A-Za-z0-9_] [A-Za-z0-9_.-]{0,127}
 *
 * The first component is a registry if it has a dot, a colon or an uppercase letter, or is
 * "localhost"; else the image is Docker Hub's, where a lone component is in "library/".  Docker's
 * digests may be of other algorithms; ours are SHA-256 only.  Pure: every failure is of the text.
 */
#include "image/reference.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/text.h"
#include "crypto/digest.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HUB   "index.docker.io"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

enum { TAG_MAX = 128, IMAGE_ID_LEN = 64 };

/* The parts of a reference, copied and not yet checked. */
struct parts {
	char *registry; /* as typed, or NULL: Docker Hub */
	char *path, *tag, *digest;
};

static void parts_done(struct parts *parts)
{
	free(parts->registry);
	free(parts->path);
	free(parts->tag);
	free(parts->digest);
}

static bool is_image_id(const char *text)
{
	return strlen(text) == IMAGE_ID_LEN && strspn(text, DIGIT "abcdef") == IMAGE_ID_LEN;
}

/* True if the first component, `len` bytes at `text`, is a registry. */
static bool names_registry(const char *text, size_t len)
{
	AUTO_FREE char *first = xstrndup(text, len);

	return strcmp(first, "localhost") == 0 || strpbrk(first, ".:" UPPER);
}

static void split(const char *text, struct parts *ret_parts)
{
	size_t first = strcspn(text, "/"), path;

	if (text[first] == '/' && names_registry(text, first)) {
		ret_parts->registry = xstrndup(text, first);
		text += first + 1;
	}
	path = strcspn(text, ":@");
	ret_parts->path = xstrndup(text, path);
	text += path;
	if (*text == ':') {
		size_t tag = strcspn(text + 1, "@");

		ret_parts->tag = xstrndup(text + 1, tag);
		text += 1 + tag;
	}
	if (*text == '@')
		ret_parts->digest = xstrdup(text + 1);
}

static bool is_label(const char *text, size_t len)
{
	return len > 0 && strspn(text, LOWER UPPER DIGIT "-") >= len && text[0] != '-' &&
	       text[len - 1] != '-';
}

/* Skips a host; NULL if there is none. */
static const char *skip_host(const char *text)
{
	if (*text == '[') {
		size_t len = strspn(text + 1, DIGIT "abcdefABCDEF:");

		return len > 0 && text[1 + len] == ']' ? text + len + 2 : NULL;
	}
	for (;;) {
		size_t len = strcspn(text, ".:");

		if (!is_label(text, len))
			return NULL;
		text += len;
		if (*text != '.')
			return text;
		text++;
	}
}

bool reference_is_registry(const char *text)
{
	const char *end = strlen(text) <= LIMIT_REGISTRY_NAME ? skip_host(text) : NULL;

	if (!end)
		return false;
	if (*end == '\0')
		return true;
	return *end == ':' && end[1] && strspn(end + 1, DIGIT) == strlen(end + 1);
}

/* Skips what may stand between two words of a component; 0 if it may not. */
static size_t separator_len(const char *text)
{
	size_t dashes = strspn(text, "-");

	if (dashes > 0)
		return dashes;
	if (strncmp(text, "__", 2) == 0)
		return 2;
	return *text == '.' || *text == '_' ? 1 : 0;
}

static bool is_path(const char *text)
{
	for (;;) {
		size_t word = strspn(text, LOWER DIGIT), gap;

		if (word == 0)
			return false;
		text += word;
		if (*text == '\0')
			return true;
		gap = *text == '/' ? 1 : separator_len(text);
		if (gap == 0)
			return false;
		text += gap;
	}
}

static bool is_tag(const char *text)
{
	return *text && *text != '.' && *text != '-' && strlen(text) <= TAG_MAX &&
	       strspn(text, LOWER UPPER DIGIT "_.-") == strlen(text);
}

static int wrong(const char *what, const char *part, struct err *err)
{
	AUTO_FREE char *quoted = text_quoted(part);

	return err_set(err, ERR_INVALID, "%s %s", what, quoted);
}

const char *reference_registry_name(const char *text)
{
	return strcmp(text, "docker.io") == 0 ? HUB : text;
}

/* The registry's name in `struct reference`. */
static const char *full_registry(const struct parts *parts)
{
	return parts->registry ? reference_registry_name(parts->registry) : HUB;
}

static char *full_repository(const struct parts *parts)
{
	bool official = strcmp(full_registry(parts), HUB) == 0 && !strchr(parts->path, '/');

	return xasprintf("%s%s", official ? "library/" : "", parts->path);
}

static int check_path(const struct parts *parts, struct err *err)
{
	AUTO_FREE char *full = full_repository(parts);
	const char *path = parts->path;

	if (!*path)
		return err_set(err, ERR_INVALID, "the repository's name is missing");
	if (strpbrk(path, UPPER))
		return wrong("repository name must be lowercase:", path, err);
	if (!is_path(path))
		return wrong("invalid repository name", path, err);
	if (strlen(full) > LIMIT_REPOSITORY_NAME)
		return err_set(err, ERR_INVALID,
			       "repository name must not be more than %d characters",
			       LIMIT_REPOSITORY_NAME);
	return 0;
}

static int check_digest(const char *digest, struct err *err)
{
	if (digest_is_valid(digest))
		return 0;
	if (strchr(digest, ':') && strncmp(digest, "sha256:", 7) != 0)
		return wrong("only sha256 digests are supported, not", digest, err);
	return wrong("invalid digest (sha256: and 64 lowercase hex digits)", digest, err);
}

static int check(const struct parts *parts, struct err *err)
{
	if (parts->registry && !reference_is_registry(parts->registry))
		return wrong("invalid registry", parts->registry, err);
	if (check_path(parts, err) < 0)
		return -1;
	if (parts->tag && !is_tag(parts->tag))
		return wrong("invalid tag", parts->tag, err);
	return parts->digest ? check_digest(parts->digest, err) : 0;
}

int reference_parse(const char *text, struct reference *ret_reference, struct err *err)
{
	AUTO(parts_done) struct parts parts = {0};
	AUTO_FREE char *quoted = text_quoted(text);

	if (!*text)
		return err_set(err, ERR_INVALID, "parse image reference: it is empty");
	if (is_image_id(text))
		return err_set(err, ERR_INVALID,
			       "parse image reference: %s is an image's id; name a repository",
			       quoted);
	split(text, &parts);
	if (check(&parts, err) < 0)
		return err_wrap(err, "parse image reference: %s", quoted);
	if (!parts.tag && !parts.digest)
		parts.tag = xstrdup("latest");
	*ret_reference = (struct reference){.registry = xstrdup(full_registry(&parts)),
					    .repository = full_repository(&parts),
					    .tag = STEAL(parts.tag),
					    .digest = STEAL(parts.digest)};
	return 0;
}

void reference_done(struct reference *reference)
{
	free(reference->registry);
	free(reference->repository);
	free(reference->tag);
	free(reference->digest);
	*reference = (struct reference){0};
}

/* The host alone: without port, an IPv6 address without its brackets. */
static char *host_of(const char *registry)
{
	if (*registry == '[')
		return xstrndup(registry + 1, strcspn(registry + 1, "]"));
	return xstrndup(registry, strcspn(registry, ":"));
}

bool reference_is_loopback(const struct reference *reference)
{
	AUTO_FREE char *host = host_of(reference->registry);
	size_t len = strlen(host), suffix = strlen(".localhost");
	struct in6_addr v6;
	struct in_addr v4;

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (len > suffix && strcasecmp(host + len - suffix, ".localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}
