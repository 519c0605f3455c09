// SPDX-License-Identifier: MIT
/*
 * A registry's login: Basic, or a token from the server that the Bearer challenge names (the
 * distribution specification's token and OAuth2 flows).
 *
 * Happy path: the best challenge is picked; for Bearer the realm is asked for a token with scope
 * `repository:NAME:pull`, by GET with the name and password, or without any for an anonymous one,
 * or by POST with the refresh token.  Many threads may meet a 401 at once: the first one logs in
 * while the others wait for the lock, and find the work done.
 *
 * Failure modes: ERR_DENIED without credentials that the registry takes, with the remedy;
 * ERR_PROTOCOL for a realm that would carry a password over plain HTTP, or an answer without token.
 */
#include "image/registry_internal.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/text.h"
#include "image/www_auth.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

static char *base64(const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(text), at = 0;
	char *out = xcalloc(len / 3 + 1, 4 + 1), *to = out;

	for (; at < len; at += 3) {
		uint32_t left = (uint32_t)MIN(len - at, (size_t)3), bits = 0;

		for (uint32_t i = 0; i < 3; i++)
			bits = bits << 8 | (i < left ? (unsigned char)text[at + i] : 0);
		for (uint32_t i = 0; i < 4; i++)
			*to++ = i <= left ? digits[bits >> (18 - 6 * i) & 63] : '=';
	}
	return out;
}

/* "Basic ...", or NULL without a name. */
static char *basic(const struct registry_config *config)
{
	AUTO_FREE char *pair = NULL, *coded = NULL;

	if (!config->username || !*config->username)
		return NULL;
	pair = xasprintf("%s:%s", config->username, config->password ? config->password : "");
	coded = base64(pair);
	return xasprintf("Basic %s", coded);
}

/* The text of the registry's first error, quoted; malloc'ed, "" if there is none. */
static char *error_text(const struct buf *body)
{
	json_t *root = json_loadb(body->ptr, body->len, 0, NULL);
	json_t *errors = json_object_get(root, "errors");
	json_t *first = json_is_array(errors) ? json_array_get(errors, 0) : root;
	const char *code = json_string_value(json_object_get(first, "code"));
	const char *message = json_string_value(json_object_get(first, "message"));
	AUTO_FREE char *both = NULL;
	char *text;

	if (!message)
		message = json_string_value(json_object_get(root, "details"));
	both = xasprintf("%s%s%s", code ? code : "", code && message ? ": " : "",
			 message ? message : "");
	text = *both ? text_quoted(both) : xstrdup("");
	json_decref(root);
	return text;
}

int registry_refused(const char *what, const struct http_response *response, struct err *err)
{
	AUTO_FREE char *text = error_text(&response->body);
	enum err_code code = ERR_PROTOCOL;
	const char *remedy = "";

	if (response->status == 404)
		code = ERR_NOT_FOUND;
	if (response->status == 401 || response->status == 403) {
		code = ERR_DENIED;
		remedy = ": it does not exist, or needs another login (docker login)";
	}
	if (response->status == 429 || response->status >= 500)
		code = ERR_UNAVAILABLE;
	return err_set(err, code, "%s: HTTP %ld%s%s%s", what, response->status, *text ? ": " : "",
		       text, remedy);
}

/* The token of the answer, malloc'ed; NULL: none that could stand in a header. */
static char *token_of(const struct buf *body)
{
	json_t *root = json_loadb(body->ptr, body->len, 0, NULL);
	const char *token = json_string_value(json_object_get(root, "token"));
	char *value = NULL;

	if (!token || !*token)
		token = json_string_value(json_object_get(root, "access_token"));
	if (token && *token && strlen(token) <= LIMIT_REGISTRY_TOKEN) {
		value = xasprintf("Bearer %s", token);
		for (const char *p = token; *p; p++) {
			if (*p <= ' ' || *p > '~')
				*value = '\0';
		}
	}
	json_decref(root);
	if (value && !*value) {
		free(value);
		value = NULL;
	}
	return value;
}

static char *token_query(const struct registry *registry, const struct www_auth *auth)
{
	AUTO_FREE char *usual = xasprintf("repository:%s:pull", registry->config->repository);
	AUTO_FREE char *scope = http_escape(usual);
	AUTO_FREE char *service = http_escape(auth->service ? auth->service : "");

	return xasprintf("service=%s&scope=%s", service, scope);
}

static int fetch_token(struct registry *registry, struct http *http, const struct www_auth *auth,
		       char **ret_authorization, struct err *err)
{
	const struct registry_config *config = registry->config;
	AUTO(http_response_done) struct http_response response = {.body = BUF_INIT(0)};
	AUTO_FREE char *host = http_url_host(auth->realm);
	AUTO_FREE char *what = xasprintf("log in at %s", host);
	AUTO_FREE char *query = token_query(registry, auth);
	AUTO_FREE char *url = NULL, *form = NULL, *authorization = NULL;
	struct http_request request = {.max_size = LIMIT_REGISTRY_TOKEN * 2};

	if (strncasecmp(auth->realm, "https://", 8) != 0 &&
	    (strncasecmp(auth->realm, "http://", 7) != 0 || strcmp(registry->scheme, "http") != 0))
		return err_set(err, ERR_PROTOCOL, "%s: the registry names a server without HTTPS",
			       what);
	if (config->identity_token) {
		AUTO_FREE char *token = http_escape(config->identity_token);

		form = xasprintf("grant_type=refresh_token&client_id=matchlock&%s&refresh_token=%s",
				 query, token);
		url = xstrdup(auth->realm);
	} else {
		authorization = basic(config);
		url = xasprintf("%s%c%s", auth->realm, strchr(auth->realm, '?') ? '&' : '?', query);
	}
	request.url = url;
	request.form = form;
	request.authorization = authorization;
	if (http_send(http, &request, &response, err) < 0)
		return err_wrap(err, "log in");
	if (response.status != 200)
		return registry_refused(what, &response, err);
	*ret_authorization = token_of(&response.body);
	if (!*ret_authorization)
		return err_set(err, ERR_PROTOCOL, "%s: the answer has no token", what);
	return 0;
}

static int answer(struct registry *registry, struct http *http, const struct www_auth *auth,
		  char **ret_authorization, struct err *err)
{
	if (auth->scheme == WWW_AUTH_BEARER)
		return fetch_token(registry, http, auth, ret_authorization, err);
	if (auth->scheme == WWW_AUTH_BASIC)
		*ret_authorization = basic(registry->config);
	if (!*ret_authorization)
		return err_set(err, ERR_DENIED, "HTTP 401: needs a login: run 'docker login %s'",
			       registry->config->host);
	return 0;
}

/* The best of all challenges. */
static int choose(char *const *challenges, struct www_auth *ret_auth, struct err *err)
{
	for (; challenges && *challenges; challenges++) {
		struct www_auth auth;

		if (www_auth_parse(*challenges, &auth, err) < 0)
			return -1;
		if (auth.scheme > ret_auth->scheme) {
			struct www_auth worse = *ret_auth;

			*ret_auth = auth;
			auth = worse;
		}
		www_auth_done(&auth);
	}
	return 0;
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

int registry_login(struct registry *registry, struct http *http, char *const *challenges,
		   const char *stale, struct err *err)
{
	AUTO(www_auth_done) struct www_auth auth = {0};
	char *fresh = NULL;
	int rc = 0;

	if (choose(challenges, &auth, err) < 0)
		return err_wrap(err, "%s", registry->config->host);
	pthread_mutex_lock(&registry->lock);
	if (same(registry->authorization, stale)) {
		rc = answer(registry, http, &auth, &fresh, err);
		if (rc == 0) {
			free(registry->authorization);
			registry->authorization = fresh;
		}
	}
	pthread_mutex_unlock(&registry->lock);
	return rc < 0 ? err_wrap(err, "%s", registry->config->host) : 0;
}
