// SPDX-License-Identifier: MIT
/*
 * The user's settings of registries: see registries.h.  The file is ours, so it is read strictly to
 * its last member: a name that we do not know is a misspelling that would otherwise do nothing.
 */
#include "image/registries.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/strv.h"
#include "base/text.h"
#include "image/doc.h"
#include "image/reference.h"

#include <stdlib.h>
#include <string.h>

enum { MEMBERS_TEXT_MAX = 200 };

#define PATH_CHARS                                                       \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" \
	"/._~-%"

static void settings_done(struct registry_settings *settings)
{
	free(settings->registry);
	strv_free(settings->mirrors);
	free(settings->ports);
	free(settings->ca);
}

void registries_done(struct registries *registries)
{
	for (size_t i = 0; i < registries->count; i++)
		settings_done(&registries->items[i]);
	free(registries->items);
	*registries = (struct registries){0};
}

const struct registry_settings *registries_find(const struct registries *registries,
						const char *registry)
{
	for (size_t i = 0; i < registries->count; i++) {
		if (strcmp(registries->items[i].registry, registry) == 0)
			return &registries->items[i];
	}
	return NULL;
}

/* ERR_INVALID that names the member which is unknown; `known` is what there may be. */
static int check_members(json_t *object, const char *where, const char *const *known,
			 struct err *err)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		AUTO_BUF struct buf list = BUF_INIT(MEMBERS_TEXT_MAX);
		AUTO_FREE char *quoted = NULL;
		size_t i = 0;

		while (known[i] && strcmp(key, known[i]) != 0) {
			buf_printf(&list, "%s'%s'", i > 0 ? ", " : "", known[i]);
			i++;
		}
		if (known[i])
			continue;
		quoted = text_quoted(key);
		return err_set(err, ERR_INVALID, "%s%s is not known; there is %s", where, quoted,
			       list.ptr);
	}
	return 0;
}

/* "http[s]://HOST[:PORT][/PATH]" without its last slashes; NULL if it is anything else. */
static char *take_url(const char *text)
{
	size_t len = strlen(text);
	const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
			   : strncmp(text, "http://", 7) == 0 ? text + 7
							      : NULL;
	AUTO_FREE char *registry = host ? xstrndup(host, strcspn(host, "/")) : NULL;
	const char *path = host ? host + strlen(registry) : NULL;

	if (!host || !reference_is_registry(registry) || strspn(path, PATH_CHARS) != strlen(path))
		return NULL;
	while (text[len - 1] == '/')
		len--;
	return xstrndup(text, len);
}

static int read_mirrors(json_t *object, const char *where, char ***ret_mirrors, struct err *err)
{
	json_t *list, *item;
	size_t i;

	if (doc_list(object, where, "mirrors", LIMIT_REGISTRY_MIRRORS, &list, err) < 0)
		return -1;
	json_array_foreach(list, i, item)
	{
		char *url = json_is_string(item) ? take_url(json_string_value(item)) : NULL;

		if (!url)
			return err_set(err, ERR_INVALID,
				       "%smirrors[%zu] must be like \"https://mirror.example\" or "
				       "\"https://mirror.example:5000/prefix\"",
				       where, i);
		strv_take(ret_mirrors, url);
	}
	return 0;
}

static int read_ports(json_t *object, const char *where, struct registry_settings *settings,
		      struct err *err)
{
	json_t *list, *item;
	size_t i;

	if (doc_list(object, where, "ports", LIMIT_REGISTRY_PORTS, &list, err) < 0)
		return -1;
	settings->ports = xcalloc(json_array_size(list) + 1, sizeof(*settings->ports));
	json_array_foreach(list, i, item)
	{
		json_int_t port = json_integer_value(item);

		if (port < 1 || port > UINT16_MAX)
			return err_set(err, ERR_INVALID, "%sports[%zu] must be 1 to 65535", where,
				       i);
		settings->ports[settings->port_count++] = (uint16_t)port;
	}
	return 0;
}

static int read_settings(json_t *object, const char *where, struct registry_settings *settings,
			 struct err *err)
{
	static const char *const known[] = {"plain_http", "mirrors", "ports", "ca", NULL};
	json_t *plain, *ca;

	if (check_members(object, where, known, err) < 0)
		return -1;
	plain = json_object_get(object, "plain_http");
	if (plain && !json_is_boolean(plain))
		return doc_wrong(where, "plain_http", "true or false", err);
	settings->plain_http = json_is_true(plain);
	ca = json_object_get(object, "ca");
	if (ca && (!json_is_string(ca) || *json_string_value(ca) != '/'))
		return doc_wrong(where, "ca", "the absolute path of a file", err);
	settings->ca = ca ? xstrdup(json_string_value(ca)) : NULL;
	if (read_ports(object, where, settings, err) < 0)
		return -1;
	return read_mirrors(object, where, &settings->mirrors, err);
}

/* Adds what the file says of the registry `key`. */
static int add_registry(struct registries *registries, const char *file, const char *key,
			json_t *object, struct err *err)
{
	struct registry_settings *settings = &registries->items[registries->count];
	AUTO_FREE char *quoted = text_quoted(key);
	AUTO_FREE char *where = xasprintf("%sregistries[%s].", file, quoted);

	if (!reference_is_registry(key))
		return err_set(err, ERR_INVALID,
			       "%sregistries: %s must be a host, or a host and a port", file,
			       quoted);
	if (!json_is_object(object))
		return err_set(err, ERR_INVALID, "%sregistries[%s] must be an object", file,
			       quoted);
	if (registries_find(registries, reference_registry_name(key)))
		return err_set(err, ERR_INVALID, "%sregistries: Docker Hub is there twice", file);
	settings->registry = xstrdup(reference_registry_name(key));
	registries->count++;
	return read_settings(object, where, settings, err);
}

static int read_registries(json_t *root, const char *file, struct registries *registries,
			   struct err *err)
{
	static const char *const known[] = {"registries", NULL};
	json_t *object, *value;
	const char *key;

	if (check_members(root, file, known, err) < 0 ||
	    doc_object(root, file, "registries", &object, err) < 0)
		return -1;
	if (json_object_size(object) > LIMIT_REGISTRIES)
		return err_set(err, ERR_LIMIT, "%sregistries has more than %d members", file,
			       LIMIT_REGISTRIES);
	registries->items = xcalloc(json_object_size(object) + 1, sizeof(*registries->items));
	json_object_foreach(object, key, value)
	{
		if (add_registry(registries, file, key, value, err) < 0)
			return -1;
	}
	return 0;
}

int registries_load(struct registries *ret_registries, struct err *err)
{
	AUTO(registries_done) struct registries registries = {0};
	AUTO_FREE char *home = NULL, *path = NULL, *file = NULL;
	AUTO(auto_json) json_t *root = NULL;
	struct err why = {0};

	if (path_state_home(&home, err) < 0)
		return -1;
	path = path_join(home, "registries.json");
	file = xasprintf("%s: ", path);
	if (doc_read(path, &root, &why) < 0 && why.code != ERR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	if (root && read_registries(root, file, &registries, err) < 0)
		return -1;
	*ret_registries = registries;
	registries = (struct registries){0};
	return 0;
}
