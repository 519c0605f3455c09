// SPDX-License-Identifier: MIT
/*
 * An image's config blob (manifest.h; OCI image-spec 1.1, config.md): how to run it, and what its
 * layers are once unpacked.
 *
 * Read strictly (doc.h); every error names the member.  Of `config` we keep what we act on.  As in
 * the system that we replace, a variable without `=` is dropped.
 */
#include "image/manifest.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "image/doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOT   "image config: "
#define CONFIG ROOT "config."

static int read_text(json_t *config, const char *key, char **ret_text, struct err *err)
{
	const char *text = NULL;

	if (doc_string(config, CONFIG, key, &text, err) < 0)
		return -1;
	*ret_text = xstrdup(text ? text : "");
	return 0;
}

static int read_words(json_t *config, const char *key, char ***ret_words, struct err *err)
{
	json_t *list, *item;
	size_t i;

	if (doc_list(config, CONFIG, key, LIMIT_IMAGE_CONFIG_ITEMS, &list, err) < 0)
		return -1;
	json_array_foreach(list, i, item)
	{
		if (!json_is_string(item))
			return doc_wrong(CONFIG, key, "a list of strings", err);
		strv_add(ret_words, json_string_value(item));
	}
	return 0;
}

static void drop_nameless(char **env)
{
	size_t kept = 0;

	for (size_t i = 0; env && env[i]; i++) {
		const char *equals = strchr(env[i], '=');

		if (equals && equals != env[i])
			env[kept++] = env[i];
		else
			free(env[i]);
	}
	if (env)
		env[kept] = NULL;
}

static int read_config(json_t *root, struct image_config *config, struct err *err)
{
	json_t *object;

	if (doc_object(root, ROOT, "config", &object, err) < 0 ||
	    read_text(object, "User", &config->user, err) < 0 ||
	    read_text(object, "WorkingDir", &config->working_dir, err) < 0 ||
	    read_words(object, "Entrypoint", &config->entrypoint, err) < 0 ||
	    read_words(object, "Cmd", &config->cmd, err) < 0 ||
	    read_words(object, "Env", &config->env, err) < 0)
		return -1;
	drop_nameless(config->env);
	return 0;
}

static int read_diff_ids(json_t *root, char ***ret_ids, struct err *err)
{
	json_t *rootfs, *list, *item;
	size_t i;

	if (doc_object(root, ROOT, "rootfs", &rootfs, err) < 0 ||
	    doc_list(rootfs, ROOT "rootfs.", "diff_ids", LIMIT_IMAGE_LAYERS, &list, err) < 0)
		return -1;
	if (json_array_size(list) == 0)
		return err_set(err, ERR_INVALID, ROOT "rootfs.diff_ids is missing or empty");
	json_array_foreach(list, i, item)
	{
		char key[32];

		snprintf(key, sizeof(key), "diff_ids[%zu]", i);
		if (!json_is_string(item) || !digest_is_valid(json_string_value(item)))
			return doc_wrong(ROOT "rootfs.", key, "sha256: and 64 lowercase hex digits",
					 err);
		strv_add(ret_ids, json_string_value(item));
	}
	return 0;
}

static int check_os(json_t *root, struct err *err)
{
	AUTO_FREE char *quoted = NULL;
	const char *os;

	if (doc_string(root, ROOT, "os", &os, err) < 0)
		return -1;
	if (!os || strcmp(os, "linux") == 0)
		return 0;
	quoted = text_quoted(os);
	return err_set(err, ERR_INVALID, "the image is for %s; only linux images can be run",
		       quoted);
}

static int check_platform(json_t *root, const struct platform *wanted, struct err *err)
{
	const char *architecture, *variant;
	struct platform platform;

	if (check_os(root, err) < 0 ||
	    doc_string(root, ROOT, "architecture", &architecture, err) < 0 ||
	    doc_string(root, ROOT, "variant", &variant, err) < 0)
		return -1;
	platform = (struct platform){.os = (char *)"linux",
				     .architecture = (char *)(architecture ? architecture : ""),
				     .variant = (char *)(variant ? variant : "")};
	return wanted ? platform_check(&platform, wanted, err) : 0;
}

int config_parse(struct view bytes, const struct platform *wanted, struct image_config *ret_config,
		 char ***ret_diff_ids, struct err *err)
{
	AUTO(image_config_done) struct image_config config = {0};
	AUTO(auto_json) json_t *root = NULL;
	AUTO(auto_strv) char **ids = NULL;

	if (doc_parse(bytes, "image config", &root, err) < 0 ||
	    check_platform(root, wanted, err) < 0 || read_config(root, &config, err) < 0 ||
	    read_diff_ids(root, &ids, err) < 0)
		return -1;
	*ret_config = config;
	config = (struct image_config){0};
	*ret_diff_ids = STEAL(ids);
	return 0;
}
