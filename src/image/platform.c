// SPDX-License-Identifier: MIT
/*
 * Platforms ("linux/arm64/v8") and the choice from an index by them (manifest.h).
 *
 * A variant is the level of a processor: code for a lower one runs on a higher one.  Levels that
 * are not written are those that everybody means: v1 of amd64, v7 of arm, v8 of arm64.  Of what
 * runs, the highest level wins; when the wanted platform names no level, any will do, and the usual
 * one is preferred.  An item that says no platform is taken when nothing else fits, and then the
 * image's own config tells.  What is of an "unknown" platform is no image but a statement about
 * one.
 */
#include "image/manifest.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#define HOST_ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define HOST_ARCHITECTURE "arm64"
#else
#error "no name for this architecture"
#endif

#define PLATFORM_WORDS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

enum { LISTED_MAX = 300 };

/* The names that uname(1) has for them, as docker takes them. */
static const struct alias {
	const char *from, *to;
} architecture_aliases[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}};

static const char *const index_types[] = {
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
};

/* Takes the word up to the next `/` off `*text`; NULL if it is no word. */
static char *take_word(const char **text)
{
	size_t len = strcspn(*text, "/");
	char *word;

	if (len == 0 || strspn(*text, PLATFORM_WORDS) < len)
		return NULL;
	word = xstrndup(*text, len);
	*text += len;
	return word;
}

static const char *common_name(const char *architecture)
{
	for (size_t i = 0; i < ARRAY_SIZE(architecture_aliases); i++) {
		if (strcmp(architecture, architecture_aliases[i].from) == 0)
			return architecture_aliases[i].to;
	}
	return architecture;
}

static void read_words(const char *text, struct platform *platform)
{
	platform->os = take_word(&text);
	if (platform->os && *text++ == '/')
		platform->architecture = take_word(&text);
	else
		return;
	if (platform->architecture && *text == '\0')
		platform->variant = xstrdup("");
	else if (platform->architecture && *text++ == '/')
		platform->variant = take_word(&text);
	if (*text != '\0') {
		free(platform->variant);
		platform->variant = NULL;
	}
}

int platform_parse(const char *text, struct platform *ret_platform, struct err *err)
{
	AUTO(platform_done) struct platform platform = {0};
	AUTO_FREE char *quoted = text_quoted(text ? text : "");
	char *architecture;

	read_words(text ? text : "linux/" HOST_ARCHITECTURE, &platform);
	if (!platform.variant)
		return err_set(err, ERR_INVALID,
			       "platform %s: must be OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, "
			       "as in linux/arm64",
			       quoted);
	if (strcmp(platform.os, "linux") != 0)
		return err_set(err, ERR_INVALID, "platform %s: only linux images can be run",
			       quoted);
	architecture = xstrdup(common_name(platform.architecture));
	free(platform.architecture);
	platform.architecture = architecture;
	*ret_platform = platform;
	platform = (struct platform){0};
	return 0;
}

void platform_done(struct platform *platform)
{
	free(platform->os);
	free(platform->architecture);
	free(platform->variant);
	*platform = (struct platform){0};
}

/* Takes one or two digits off `*text`; -1 if there are none, or more. */
static int take_number(const char **text)
{
	size_t len = strspn(*text, "0123456789");
	int number = len == 1 || len == 2 ? atoi(*text) : -1;

	*text += len;
	return number;
}

/* "v8" is 800, "v8.2" is 802; 0 for what is no level. */
static int level_of(const char *architecture, const char *variant)
{
	int major, minor = 0;

	if (!*variant && strcmp(architecture, "arm64") == 0)
		return 800;
	if (!*variant && strcmp(architecture, "arm") == 0)
		return 700;
	if (!*variant && strcmp(architecture, "amd64") == 0)
		return 100;
	if (*variant++ != 'v')
		return 0;
	major = take_number(&variant);
	if (*variant == '.') {
		variant++;
		minor = take_number(&variant);
	}
	return major < 0 || minor < 0 || *variant ? 0 : major * 100 + minor;
}

/* How well an item of the same architecture fits: 0 not at all, more is better. */
static int fitness(const struct platform *item, const struct platform *wanted)
{
	int has = level_of(item->architecture, item->variant);
	int wants = level_of(wanted->architecture, wanted->variant);
	bool any = !*wanted->variant;

	if (strcmp(item->variant, wanted->variant) == 0 || (has && has == wants))
		return 10000;
	if (has && has < wants)
		return has + 1;
	return any ? 1 : 0;
}

static void put_platform(struct buf *text, const struct platform *platform)
{
	AUTO_FREE char *plain = xasprintf("%s/%s%s%s", platform->os, platform->architecture,
					  *platform->variant ? "/" : "", platform->variant);
	AUTO_FREE char *quoted = text_quoted(plain);

	/* A stranger's words: quoted unless they are as they should be. */
	buf_puts(text, strspn(plain, PLATFORM_WORDS "/") == strlen(plain) ? plain : quoted);
}

int platform_check(const struct platform *is, const struct platform *wanted, struct err *err)
{
	AUTO_BUF struct buf there = BUF_INIT(LISTED_MAX), want = BUF_INIT(LISTED_MAX);
	struct platform plain = *is;

	plain.architecture = (char *)common_name(is->architecture);
	if (!*is->architecture ||
	    (strcmp(plain.architecture, wanted->architecture) == 0 && fitness(&plain, wanted) > 0))
		return 0;
	put_platform(&there, is);
	put_platform(&want, wanted);
	return err_set(err, ERR_NOT_FOUND,
		       "the image is for %s, not for %s: build or choose one for that ('pull "
		       "--platform %s' takes it as it is)",
		       there.ptr, want.ptr, there.ptr);
}

static bool is_image(const struct manifest *index, size_t i)
{
	if (strcmp(index->platforms[i].os, "unknown") == 0)
		return false;
	for (size_t k = 0; k < ARRAY_SIZE(index_types); k++) {
		if (strcmp(index->items[i].media_type, index_types[k]) == 0)
			return true;
	}
	return false;
}

/* -1 if nothing is for that platform. */
static ssize_t find_best(const struct manifest *index, const struct platform *wanted)
{
	ssize_t found = -1;
	int best = 0;

	for (size_t i = 0; i < index->count; i++) {
		const struct platform *item = &index->platforms[i];
		int fits;

		if (!is_image(index, i) || strcmp(item->os, wanted->os) != 0 ||
		    strcmp(item->architecture, wanted->architecture) != 0)
			continue;
		fits = fitness(item, wanted);
		if (fits > best) {
			best = fits;
			found = (ssize_t)i;
		}
	}
	return found;
}

static ssize_t find_unnamed(const struct manifest *index)
{
	for (size_t i = 0; i < index->count; i++) {
		if (is_image(index, i) && !*index->platforms[i].os)
			return (ssize_t)i;
	}
	return -1;
}

static int not_found(const struct manifest *index, const struct platform *wanted, struct err *err)
{
	AUTO_BUF struct buf want = BUF_INIT(LISTED_MAX), there = BUF_INIT(LISTED_MAX);

	put_platform(&want, wanted);
	for (size_t i = 0; i < index->count; i++) {
		if (!is_image(index, i))
			continue;
		buf_puts(&there, there.len ? ", " : "");
		put_platform(&there, &index->platforms[i]);
	}
	return err_set(err, ERR_NOT_FOUND, "the image is not there for %s; it is for %s%s",
		       want.ptr, there.len ? there.ptr : "no platform at all",
		       there.failed ? ", ..." : "");
}

int manifest_choose(const struct manifest *index, const struct platform *platform,
		    const struct descriptor **ret_item, struct err *err)
{
	ssize_t i = find_best(index, platform);

	if (i < 0)
		i = find_unnamed(index);
	if (i < 0)
		return not_found(index, platform, err);
	*ret_item = &index->items[i];
	return 0;
}
