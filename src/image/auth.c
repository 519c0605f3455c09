// SPDX-License-Identifier: MIT
/*
 * Credentials for a registry: see auth.h.
 *
 * Each file is read anew for each question: it is asked once or twice a pull, and `docker login`
 * may have happened in between.  Only what concerns the registry is checked, since these files are
 * not ours.  A secret lives in the file's bytes, in the JSON made of them and in the result; the
 * first two are overwritten here, the last by credentials_done().
 */
#include "image/auth.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "base/text.h"
#include "image/auth_helper.h"
#include "image/doc.h"
#include "image/reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HUB	   "index.docker.io"
#define HUB_SERVER "https://index.docker.io/v1/" /* docker's key for Docker Hub */

/* What is looked for. */
struct question {
	const char *registry, *repository;
	const char *server; /* docker's key for the registry */
};

static void wipe_text(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void credentials_done(struct credentials *credentials)
{
	wipe_text(&credentials->username);
	wipe_text(&credentials->password);
	wipe_text(&credentials->identity_token);
}

static bool is_known(const struct credentials *credentials)
{
	return credentials->username || credentials->identity_token;
}

static const char *after(const char *text, const char *start)
{
	size_t len = strlen(start);

	return strncmp(text, start, len) == 0 ? text + len : NULL;
}

static bool is_host(const char *host, size_t len, const char *registry)
{
	AUTO_FREE char *name = xstrndup(host, len);

	if (strcmp(registry, HUB) == 0 &&
	    (strcmp(name, "docker.io") == 0 || strcmp(name, "registry-1.docker.io") == 0))
		return true;
	return strcasecmp(name, registry) == 0;
}

/* The length of the path of repositories that a key is for; 0: all of its host's. */
static size_t path_len(const char *path, bool is_url)
{
	size_t len = strlen(path);

	while (len > 0 && path[len - 1] == '/')
		len--;
	/* Docker's old keys end in the version of the registry's interface. */
	if (is_url || (len == 2 && (strncmp(path, "v1", 2) == 0 || strncmp(path, "v2", 2) == 0)))
		return 0;
	return len;
}

/* How well a key fits: 0 not at all, more is better. */
static size_t fitness(const char *key, const struct question *question)
{
	const char *url = after(key, "https://"), *host, *path;
	size_t host_len, len;

	if (!url)
		url = after(key, "http://");
	host = url ? url : key;
	host_len = strcspn(host, "/");
	if (!is_host(host, host_len, question->registry))
		return 0;
	path = host + host_len + (host[host_len] == '/');
	len = path_len(path, url);
	if (strncmp(path, question->repository, len) != 0)
		return 0;
	if (len > 0 && question->repository[len] && question->repository[len] != '/')
		return 0;
	return 2 * len + 1 + (strcmp(key, question->server) == 0);
}

/* Docker leaves an empty entry where a helper has the secret. */
static bool is_empty_entry(json_t *entry)
{
	static const char *const members[] = {"auth", "username", "password", "identitytoken"};

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		if (json_string_length(json_object_get(entry, members[i])) > 0)
			return false;
	}
	return json_is_object(entry);
}

/* The key that fits best, borrowed; NULL if none does. */
static const char *find_key(json_t *object, const struct question *question)
{
	const char *key, *found = NULL;
	size_t best = 0;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		size_t fits = fitness(key, question);

		if (fits <= best || is_empty_entry(value))
			continue;
		best = fits;
		found = key;
	}
	return found;
}

static int base64_value(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Decodes base64, padded or not, to a text; false if it is none, or has NUL bytes in it. */
static bool decode_base64(const char *base64, char *ret_text)
{
	size_t len = strcspn(base64, "="), padding = strlen(base64 + len), out = 0;
	unsigned bits = 0;

	for (size_t i = 0; i < len; i++) {
		int value = base64_value(base64[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (unsigned)value;
		if (i % 4 != 0)
			ret_text[out++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	ret_text[out] = '\0';
	if (padding && ((len + padding) % 4 != 0 || strspn(base64 + len, "=") != padding))
		return false;
	return len % 4 != 1 && padding <= 2 && strlen(ret_text) == out;
}

/* "USER:PASSWORD" in base64. */
static int read_auth(const char *base64, const char *where, struct credentials *ret_credentials,
		     struct err *err)
{
	AUTO(wipe_text) char *text = xcalloc(strlen(base64) + 1, 1);
	char *colon = decode_base64(base64, text) ? strchr(text, ':') : NULL;

	if (!colon || !text_is_utf8(text))
		return doc_wrong(where, "auth", "the base64 of USER:PASSWORD", err);
	ret_credentials->username = xstrndup(text, (size_t)(colon - text));
	ret_credentials->password = xstrdup(colon + 1);
	return 0;
}

static int read_entry(json_t *entry, const char *where, struct credentials *ret_credentials,
		      struct err *err)
{
	const char *auth, *username, *password, *token;

	if (doc_string(entry, where, "auth", &auth, err) < 0 ||
	    doc_string(entry, where, "username", &username, err) < 0 ||
	    doc_string(entry, where, "password", &password, err) < 0 ||
	    doc_string(entry, where, "identitytoken", &token, err) < 0)
		return -1;
	if (token && *token) {
		ret_credentials->identity_token = xstrdup(token);
		return 0;
	}
	if (auth && *auth)
		return read_auth(auth, where, ret_credentials, err);
	ret_credentials->username = xstrdup(username ? username : "");
	ret_credentials->password = xstrdup(password ? password : "");
	return 0;
}

static int ask_entries(json_t *root, const char *path, const struct question *question,
		       struct credentials *ret_credentials, struct err *err)
{
	AUTO_FREE char *file = xasprintf("%s: ", path), *where = NULL, *quoted = NULL;
	json_t *entries, *entry;
	const char *key;

	if (doc_object(root, file, "auths", &entries, err) < 0)
		return -1;
	key = find_key(entries, question);
	if (!key)
		return 0;
	entry = json_object_get(entries, key);
	quoted = text_quoted(key);
	where = xasprintf("%sauths[%s].", file, quoted);
	if (!json_is_object(entry))
		return err_set(err, ERR_INVALID, "%sauths[%s] must be an object", file, quoted);
	return read_entry(entry, where, ret_credentials, err);
}

/* The helper's name; an empty one in `credHelpers` says that there is none for this registry. */
static int find_helper(json_t *root, const char *file, const struct question *question,
		       const char **ret_name, struct err *err)
{
	json_t *helpers;
	const char *key;

	if (doc_object(root, file, "credHelpers", &helpers, err) < 0)
		return -1;
	key = find_key(helpers, question);
	if (!key)
		return doc_string(root, file, "credsStore", ret_name, err);
	return doc_string(helpers, file, key, ret_name, err);
}

static int ask_helper(json_t *root, const char *path, const struct question *question,
		      struct credentials *ret_credentials, struct err *err)
{
	AUTO_FREE char *file = xasprintf("%s: ", path);
	const char *name;

	if (find_helper(root, file, question, &name, err) < 0)
		return -1;
	if (!name || !*name)
		return 0;
	if (auth_helper_get(name, question->server, ret_credentials, err) < 0)
		return err_wrap(err, "credentials for '%s' by '%s'", question->registry, path);
	return 0;
}

/* A file that is not there knows nothing. */
static int ask_file(const char *path, const struct question *question,
		    struct credentials *ret_credentials, struct err *err)
{
	AUTO(doc_wipe) json_t *root = NULL;
	struct err why = {0};

	if (doc_read(path, &root, &why) < 0) {
		if (why.code == ERR_NOT_FOUND || why.sys == ENOTDIR)
			return 0;
		*err = why;
		return -1;
	}
	if (ask_helper(root, path, question, ret_credentials, err) < 0)
		return -1;
	if (is_known(ret_credentials))
		return 0;
	return ask_entries(root, path, question, ret_credentials, err);
}

/* Where `place` (0, 1, 2) is for this user, malloc'ed; NULL: nowhere. */
static char *path_of(size_t place)
{
	static const struct {
		const char *variable, *below;
	} places[] = {{"DOCKER_CONFIG", "/config.json"},
		      {"REGISTRY_AUTH_FILE", ""},
		      {"XDG_RUNTIME_DIR", "/containers/auth.json"}};
	const char *value = getenv(places[place].variable), *home = getenv("HOME");

	if (value && *value)
		return xasprintf("%s%s", value, places[place].below);
	return place == 0 && home && *home ? path_join(home, ".docker/config.json") : NULL;
}

int auth_find(const char *registry, const char *repository, struct credentials *ret_credentials,
	      struct err *err)
{
	AUTO(credentials_done) struct credentials found = {0};
	struct question question = {registry, repository,
				    strcmp(registry, HUB) == 0 ? HUB_SERVER : registry};

	for (size_t place = 0; place < 3 && !is_known(&found); place++) {
		AUTO_FREE char *path = path_of(place);

		if (path && ask_file(path, &question, &found, err) < 0)
			return -1;
	}
	*ret_credentials = found;
	found = (struct credentials){0};
	return 0;
}
