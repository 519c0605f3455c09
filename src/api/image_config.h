// SPDX-License-Identifier: MIT
/* What an image says about how to run it: the OCI config fields that we use. */
#pragma once

#include "base/err.h"

#include <jansson.h>

struct image_config {
	char *user;	   /* "" = root */
	char *working_dir; /* "" = / */
	char **entrypoint; /* NULL-ended or NULL */
	char **cmd;
	char **env; /* "KEY=VALUE" */
};

/* From and to the JSON object {user, working_dir, entrypoint, cmd, env{}} (empty members omitted)
 * of `oci_json` and of the configuration object.  A member of a wrong type is ERR_INVALID with its
 * name, unknown ones are skipped.  The caller owns *ret_config (image_config_done()) and the
 * object. */
int image_config_from_json(json_t *object, struct image_config *ret_config, struct err *err);
json_t *image_config_to_json(const struct image_config *config);
void image_config_copy(const struct image_config *from, struct image_config *ret_to);
void image_config_done(struct image_config *config);
