// SPDX-License-Identifier: MIT
/*
 * What the commands on sandboxes share: see sandboxes.h.  Databases of the earlier program hold the
 * values of secrets; they are never shown.
 */
#include "cli/sandboxes.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/path.h"
#include "cli/complete.h"
#include "sandbox/control_client.h"
#include "sandbox/gc.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int sandboxes_open(struct sandboxes *ret_sandboxes, struct err *err)
{
	AUTO(sandboxes_done) struct sandboxes sandboxes = {0};

	if (path_state_home(&sandboxes.home, err) < 0 ||
	    state_open(sandboxes.home, &sandboxes.state, err) < 0)
		return -1;
	*ret_sandboxes = sandboxes;
	sandboxes = (struct sandboxes){0};
	return 0;
}

void sandboxes_done(struct sandboxes *sandboxes)
{
	free(sandboxes->home);
	state_free(sandboxes->state);
	*sandboxes = (struct sandboxes){0};
}

static int act_on_word(struct sandboxes *sandboxes, const char *word, sandboxes_act *act,
		       const void *options, struct err *err)
{
	AUTO(sandbox_row_done) struct sandbox_row row = {0};

	if (state_get(sandboxes->state, word, &row, err) < 0)
		return -1;
	return act(sandboxes, &row, options, err);
}

int sandboxes_each(struct sandboxes *sandboxes, char *const *words, sandboxes_act *act,
		   const void *options, struct err *err)
{
	int status = 0;

	for (size_t i = 0; words[i]; i++) {
		struct err failed;

		if (act_on_word(sandboxes, words[i], act, options, &failed) == 0)
			continue;
		if (status < 0)
			fprintf(stderr, "%s\n", err->msg);
		*err = failed;
		status = -1;
	}
	return status;
}

int sandboxes_all(struct sandboxes *sandboxes, bool running, sandboxes_act *act,
		  const void *options, const char *verb, struct err *err)
{
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	struct err failed;

	if (state_list(sandboxes->state, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.count; i++) {
		const struct sandbox_row *row = &rows.rows[i];

		if ((row->status == SANDBOX_RUNNING) == running &&
		    act(sandboxes, row, options, &failed) < 0)
			fprintf(stderr, "Failed to %s %s: %s\n", verb, row->id, failed.msg);
	}
	return 0;
}

static void hide_secrets(json_t *config)
{
	json_t *secrets = json_object_get(json_object_get(config, "network"), "secrets"), *secret;
	const char *name;

	json_object_foreach(secrets, name, secret)
	{
		if (json_object_get(secret, "value"))
			json_object_set_new(secret, "value", json_string("[hidden]"));
	}
}

json_t *sandboxes_to_json(const struct sandbox_row *row)
{
	json_t *object = json_object(), *config = json_loads(row->config_json, 0, NULL);

	json_object_set_new(object, "id", json_string(row->id));
	if (*row->name)
		json_object_set_new(object, "name", json_string(row->name));
	json_object_set_new(object, "pid", json_integer(row->pid));
	json_object_set_new(object, "status", json_string(sandbox_status_name(row->status)));
	json_object_set_new(object, "image", json_string(row->image));
	json_object_set_new(object, "created_at", json_string(row->created_at));
	if (json_object_size(row->labels) > 0)
		json_object_set(object, "labels", row->labels);
	hide_secrets(config);
	json_object_set_new(object, "config", config ? config : json_null());
	return object;
}

int sandboxes_connect(const char *word, char **ret_dir, int *ret_sock, struct err *err)
{
	AUTO(sandboxes_done) struct sandboxes sandboxes = {0};
	AUTO(sandbox_row_done) struct sandbox_row row = {0};
	AUTO_FREE char *dir = NULL;

	if (sandboxes_open(&sandboxes, err) < 0)
		return -1;
	if (state_get(sandboxes.state, word, &row, err) < 0)
		return err->code == ERR_NOT_FOUND ? err_wrap(err, "VM not found %.64s", word) : -1;
	if (row.status != SANDBOX_RUNNING)
		return err_set(err, ERR_CONFLICT, "VM %s is not running (status: %s)", row.id,
			       sandbox_status_name(row.status));
	if (gc_directory(sandboxes.home, row.id, &dir, err) < 0)
		return -1;
	if (control_connect(dir, ret_sock, err) < 0) {
		if (err->code == ERR_NOT_FOUND)
			return err_set(err, ERR_NOT_FOUND,
				       "exec socket not found for %s (was it started with "
				       "--rm=false?)",
				       row.id);
		return err->code == ERR_UNAVAILABLE
			       ? err_set(err, ERR_CONFLICT, "VM %s has just ended", row.id)
			       : -1;
	}
	*ret_dir = STEAL(dir);
	return 0;
}

void sandboxes_offer_ids(struct cli_candidates *candidates)
{
	AUTO(sandboxes_done) struct sandboxes sandboxes = {0};
	AUTO(sandbox_rows_done) struct sandbox_rows rows = {0};
	AUTO_FREE char *home = NULL, *path = NULL;
	struct err err;

	if (path_state_home(&home, &err) < 0)
		return;
	path = path_join(home, "state.db");
	if (access(path, R_OK) < 0 || sandboxes_open(&sandboxes, &err) < 0 ||
	    state_list(sandboxes.state, &rows, &err) < 0)
		return;
	for (size_t i = 0; i < rows.count; i++) {
		const struct sandbox_row *row = &rows.rows[i];

		cli_offer(candidates, row->id, row->image);
		if (*row->name)
			cli_offer(candidates, row->name, row->image);
	}
}
