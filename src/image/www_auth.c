// SPDX-License-Identifier: MIT
/*
 * WWW-Authenticate: see www_auth.h.
 *
 * A value is a list of challenges, "SCHEME [NAME=VALUE, ...]", where both lists are separated by
 * commas: a word with `=` behind it is a parameter of the current challenge, any other word opens
 * the next one.  Each challenge is collected whole; the best one is kept.
 */
#include "image/www_auth.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { VALUE_MAX = 8192 };

void www_auth_done(struct www_auth *auth)
{
	free(auth->realm);
	free(auth->service);
	free(auth->scope);
	*auth = (struct www_auth){0};
}

static bool is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("!#$%&'*+-.^_`|~/:", c));
}

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

static struct view take_token(const char **at)
{
	struct view token = {*at, 0};

	while (is_token_char(token.ptr[token.len]))
		token.len++;
	*at += token.len;
	return token;
}

/* A quoted string or a token.  NULL: neither. */
static char *take_value(const char **at)
{
	AUTO_BUF struct buf text = BUF_INIT(VALUE_MAX);
	struct view token;

	if (**at != '"') {
		token = take_token(at);
		return token.len ? xstrndup(token.ptr, token.len) : NULL;
	}
	for (++*at; **at != '"'; ++*at) {
		if (**at == '\\')
			++*at;
		if ((unsigned char)**at < ' ' || **at == '\x7f')
			return NULL; /* the end too */
		buf_putc(&text, **at);
	}
	++*at;
	return text.failed ? NULL : xstrndup(text.ptr, text.len);
}

static void set_param(struct www_auth *auth, struct view name, char *value)
{
	const struct {
		const char *name;
		char **value;
	} known[] = {{"realm", &auth->realm}, {"service", &auth->service}, {"scope", &auth->scope}};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strlen(known[i].name) != name.len ||
		    strncasecmp(known[i].name, name.ptr, name.len) != 0 || *known[i].value)
			continue;
		*known[i].value = value;
		return;
	}
	free(value);
}

static enum www_auth_scheme scheme_of(struct view word)
{
	if (word.len == 6 && strncasecmp(word.ptr, "Bearer", 6) == 0)
		return WWW_AUTH_BEARER;
	if (word.len == 5 && strncasecmp(word.ptr, "Basic", 5) == 0)
		return WWW_AUTH_BASIC;
	return WWW_AUTH_NONE;
}

/* Keeps the better one in `best`; `next` is empty then. */
static void keep_better(struct www_auth *best, struct www_auth *next)
{
	struct www_auth other = *next;

	if (next->scheme > best->scheme) {
		other = *best;
		*best = *next;
	}
	www_auth_done(&other);
	*next = (struct www_auth){0};
}

/* One word with what belongs to it.  False: against the grammar. */
static bool take_item(const char **at, struct www_auth *current, struct www_auth *best)
{
	struct view word = take_token(at);
	const char *after = skip_blanks(*at);
	char *value;

	if (!word.len)
		return false;
	if (*after != '=') {
		keep_better(best, current);
		current->scheme = scheme_of(word);
		return true;
	}
	*at = skip_blanks(after + 1);
	value = take_value(at);
	if (!value)
		return false;
	set_param(current, word, value);
	*at = skip_blanks(*at);
	return !**at || **at == ',';
}

int www_auth_parse(const char *value, struct www_auth *ret_auth, struct err *err)
{
	AUTO(www_auth_done) struct www_auth best = {0}, current = {0};
	const char *at = value;

	if (strlen(value) > VALUE_MAX)
		return err_set(err, ERR_PROTOCOL, "WWW-Authenticate is longer than %d bytes",
			       VALUE_MAX);
	for (at += strspn(at, " \t,"); *at; at += strspn(at, " \t,")) {
		if (!take_item(&at, &current, &best))
			return err_set(err, ERR_PROTOCOL, "malformed WWW-Authenticate");
	}
	keep_better(&best, &current);
	if (best.scheme == WWW_AUTH_BEARER && !best.realm)
		return err_set(err, ERR_PROTOCOL, "WWW-Authenticate: Bearer without a realm");
	*ret_auth = best;
	best = (struct www_auth){0};
	return 0;
}
