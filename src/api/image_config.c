// SPDX-License-Identifier: MIT
/*
 * The image's own settings: see image_config.h.  Members that are missing or null are empty; one of
 * a wrong type is an error that names it.  Unknown members are skipped: a later version may have
 * written the database.
 */
#include "api/image_config.h"

#include "api/env.h"
#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"

#include <stdlib.h>
#include <string.h>

static int wrong_type(const char *key, const char *expected, struct err *err)
{
	return err_set(err, ERR_INVALID, "image config: '%s' must be %s", key, expected);
}

static int take_string(json_t *object, const char *key, char **ret_text, struct err *err)
{
	json_t *value = json_object_get(object, key);

	if (value && !json_is_null(value) && !json_is_string(value))
		return wrong_type(key, "a string", err);
	*ret_text = xstrdup(json_is_string(value) ? json_string_value(value) : "");
	return 0;
}

/* These come from a registry, so there is an end to them. */
static int check_count(size_t count, const char *key, struct err *err)
{
	if (count > LIMIT_IMAGE_CONFIG_ITEMS)
		return err_set(err, ERR_LIMIT, "image config: '%s' has more than %d items", key,
			       LIMIT_IMAGE_CONFIG_ITEMS);
	return 0;
}

static int take_list(json_t *object, const char *key, char ***ret_list, struct err *err)
{
	json_t *value = json_object_get(object, key), *item;
	size_t i;

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_array(value))
		return wrong_type(key, "a list of strings", err);
	if (check_count(json_array_size(value), key, err) < 0)
		return -1;
	json_array_foreach(value, i, item)
	{
		if (!json_is_string(item))
			return wrong_type(key, "a list of strings", err);
		strv_add(ret_list, json_string_value(item));
	}
	return 0;
}

static int take_env(json_t *object, char ***ret_env, struct err *err)
{
	json_t *value = json_object_get(object, "env"), *item;
	const char *name;

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_object(value))
		return wrong_type("env", "an object of strings", err);
	if (check_count(json_object_size(value), "env", err) < 0)
		return -1;
	json_object_foreach(value, name, item)
	{
		if (!json_is_string(item))
			return wrong_type("env", "an object of strings", err);
		if (!*name || strchr(name, '='))
			return err_set(err, ERR_INVALID,
				       "image config: '%s' cannot be a variable's name", name);
		strv_take(ret_env, xasprintf("%s=%s", name, json_string_value(item)));
	}
	return 0;
}

int image_config_from_json(json_t *object, struct image_config *ret_config, struct err *err)
{
	AUTO(image_config_done) struct image_config config = {0};

	if (!json_is_object(object))
		return err_set(err, ERR_INVALID, "image config: not an object");
	if (take_string(object, "user", &config.user, err) < 0 ||
	    take_string(object, "working_dir", &config.working_dir, err) < 0 ||
	    take_list(object, "entrypoint", &config.entrypoint, err) < 0 ||
	    take_list(object, "cmd", &config.cmd, err) < 0 ||
	    take_env(object, &config.env, err) < 0)
		return -1;
	*ret_config = config;
	config = (struct image_config){0};
	return 0;
}

static void put_string(json_t *object, const char *key, const char *text)
{
	if (text && *text)
		json_object_set_new(object, key, json_string(text));
}

static void put_list(json_t *object, const char *key, char *const *list)
{
	json_t *array;

	if (!list || !list[0])
		return;
	array = json_array();
	for (size_t i = 0; list[i]; i++)
		json_array_append_new(array, json_string(list[i]));
	json_object_set_new(object, key, array);
}

json_t *image_config_to_json(const struct image_config *config)
{
	json_t *object = json_object();

	put_string(object, "user", config->user);
	put_string(object, "working_dir", config->working_dir);
	put_list(object, "entrypoint", config->entrypoint);
	put_list(object, "cmd", config->cmd);
	if (config->env && config->env[0])
		json_object_set_new(object, "env", env_to_json(config->env));
	return object;
}

void image_config_copy(const struct image_config *from, struct image_config *ret_to)
{
	*ret_to = (struct image_config){
		.user = xstrdup(from->user ? from->user : ""),
		.working_dir = xstrdup(from->working_dir ? from->working_dir : ""),
		.entrypoint = from->entrypoint ? strv_copy(from->entrypoint) : NULL,
		.cmd = from->cmd ? strv_copy(from->cmd) : NULL,
		.env = from->env ? strv_copy(from->env) : NULL,
	};
}

void image_config_done(struct image_config *config)
{
	free(config->user);
	free(config->working_dir);
	strv_free(config->entrypoint);
	strv_free(config->cmd);
	strv_free(config->env);
	*config = (struct image_config){0};
}
