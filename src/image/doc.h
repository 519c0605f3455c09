// SPDX-License-Identifier: MIT
/*
 * Reading the JSON of registries and of the user's settings strictly: sizes are bounded, an object
 * names a member once, and a member of a wrong type is ERR_INVALID that says which ("manifest:
 * layers[3].size must be ...").  A member that is null counts as missing.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <stddef.h>

static inline void auto_json(json_t **json)
{
	json_decref(*json);
}

/* The object that is all of `bytes`; ERR_LIMIT over LIMIT_CONFIG_FILE.  `what` ("manifest") starts
 * the error's text.  The caller owns *ret_object (json_decref()). */
int doc_parse(struct view bytes, const char *what, json_t **ret_object, struct err *err);

/* The same for the file at `path`.  ERR_NOT_FOUND: there is none. */
int doc_read(const char *path, json_t **ret_object, struct err *err);

/* A member of `object`, borrowed, NULL when it is missing.  `where` is the object's own place,
 * which starts the error's text: "manifest: layers[3]." */
int doc_string(json_t *object, const char *where, const char *key, const char **ret_text,
	       struct err *err);
int doc_object(json_t *object, const char *where, const char *key, json_t **ret_value,
	       struct err *err);
/* With at most `max` items. */
int doc_list(json_t *object, const char *where, const char *key, size_t max, json_t **ret_list,
	     struct err *err);

/* ERR_INVALID "WHEREKEY must be RULE". */
int doc_wrong(const char *where, const char *key, const char *rule, struct err *err);

/* Overwrites every text in it and drops it; NULL then.  For what holds secrets. */
void doc_wipe(json_t **json);
