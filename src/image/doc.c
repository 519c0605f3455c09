// SPDX-License-Identifier: MIT
/*
 * Strict JSON: see doc.h.  The bytes are a stranger's: jansson checks syntax, UTF-8, doubled names
 * and depth, this file sizes and types.  What jansson says of an error shows no content, since the
 * file may hold secrets.
 */
#include "image/doc.h"

#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"

#include <fcntl.h>
#include <string.h>

int doc_parse(struct view bytes, const char *what, json_t **ret_object, struct err *err)
{
	json_error_t error;
	json_t *json;

	if (bytes.len > LIMIT_CONFIG_FILE)
		return err_set(err, ERR_LIMIT, "%s: larger than %d bytes", what, LIMIT_CONFIG_FILE);
	json = json_loadb(bytes.ptr, bytes.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!json && json_error_code(&error) == json_error_duplicate_key)
		return err_set(err, ERR_INVALID, "%s: line %d: a member is there twice", what,
			       error.line);
	if (!json)
		return err_set(err, ERR_INVALID, "%s: line %d, column %d: not valid JSON", what,
			       error.line, error.column);
	if (!json_is_object(json)) {
		json_decref(json);
		return err_set(err, ERR_INVALID, "%s: not a JSON object", what);
	}
	*ret_object = json;
	return 0;
}

/* The bytes may be credentials, so they do not stay in memory. */
static void wipe(struct buf *buf)
{
	explicit_bzero(buf->ptr, buf->len);
	buf_done(buf);
}

int doc_read(const char *path, json_t **ret_object, struct err *err)
{
	AUTO(wipe) struct buf bytes = BUF_INIT(LIMIT_CONFIG_FILE);

	buf_reserve(&bytes, LIMIT_CONFIG_FILE); /* growing would leave copies behind */
	if (fd_read_file(AT_FDCWD, path, &bytes, err) < 0)
		return -1;
	return doc_parse((struct view){bytes.ptr, bytes.len}, path, ret_object, err);
}

int doc_wrong(const char *where, const char *key, const char *rule, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s%s must be %s", where, key, rule);
}

static json_t *member(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	return json_is_null(value) ? NULL : value;
}

int doc_string(json_t *object, const char *where, const char *key, const char **ret_text,
	       struct err *err)
{
	json_t *value = member(object, key);

	if (value && !json_is_string(value))
		return doc_wrong(where, key, "a string", err);
	*ret_text = json_string_value(value);
	return 0;
}

int doc_object(json_t *object, const char *where, const char *key, json_t **ret_value,
	       struct err *err)
{
	*ret_value = member(object, key);
	if (*ret_value && !json_is_object(*ret_value))
		return doc_wrong(where, key, "an object", err);
	return 0;
}

int doc_list(json_t *object, const char *where, const char *key, size_t max, json_t **ret_list,
	     struct err *err)
{
	*ret_list = member(object, key);
	if (*ret_list && !json_is_array(*ret_list))
		return doc_wrong(where, key, "a list", err);
	if (json_array_size(*ret_list) > max)
		return err_set(err, ERR_LIMIT, "%s%s has more than %zu items", where, key, max);
	return 0;
}

static void wipe_texts(json_t *json)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_string(json))
		explicit_bzero((char *)json_string_value(json), json_string_length(json));
	json_array_foreach(json, i, item) wipe_texts(item);
	json_object_foreach(json, key, item) wipe_texts(item);
}

void doc_wipe(json_t **json)
{
	wipe_texts(*json);
	json_decref(*json);
	*json = NULL;
}
