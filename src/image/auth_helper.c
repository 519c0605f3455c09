// SPDX-License-Identifier: MIT
/*
 * Docker's credential helpers (docker/docker-credential-helpers): "docker-credential-NAME get"
 * reads a server's name and answers {"ServerURL", "Username", "Secret"}; one that has nothing says
 * so on its standard output and fails.
 *
 * The helper runs with the user's environment, since it talks to the user's key ring.  Whatever it
 * prints may be a secret, so that no error repeats it: the remedy is to run it by hand.  What we
 * held of its answer is overwritten.
 */
#include "image/auth_helper.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/proc.h"
#include "base/text.h"
#include "image/doc.h"

#include <stdlib.h>
#include <string.h>

#define NOTHING_FOUND "credentials not found in native keychain"
#define IDENTITY_USER "<token>" /* the Secret is then an identity token */

enum { HELPER_TIMEOUT_MS = 30000 };

static void wipe_buf(struct buf *buf)
{
	explicit_bzero(buf->ptr, buf->cap);
	buf_done(buf);
}

static bool says_nothing_found(const struct buf *answer)
{
	size_t len = strlen(NOTHING_FOUND);

	return strncmp(answer->ptr, NOTHING_FOUND, len) == 0 &&
	       strspn(answer->ptr + len, " \t\r\n") == answer->len - len;
}

static int read_answer(const struct buf *answer, const char *program,
		       struct credentials *ret_credentials, struct err *err)
{
	AUTO(doc_wipe) json_t *root = NULL;
	AUTO_FREE char *where = xasprintf("%s: ", program);
	const char *username, *secret;

	if (doc_parse((struct view){answer->ptr, answer->len}, program, &root, err) < 0 ||
	    doc_string(root, where, "Username", &username, err) < 0 ||
	    doc_string(root, where, "Secret", &secret, err) < 0)
		return -1;
	if (!username || !secret)
		return err_set(err, ERR_PROTOCOL, "%s: answered without Username or Secret",
			       program);
	if (!*secret)
		return 0;
	if (strcmp(username, IDENTITY_USER) == 0) {
		ret_credentials->identity_token = xstrdup(secret);
		return 0;
	}
	ret_credentials->username = xstrdup(username);
	ret_credentials->password = xstrdup(secret);
	return 0;
}

/* A name with a slash would start anything on the machine. */
static int find_program(const char *name, char **ret_program, char **ret_path, struct err *err)
{
	AUTO_FREE char *quoted = text_quoted(name);

	if (strchr(name, '/'))
		return err_set(err, ERR_INVALID, "%s cannot be a credential helper's name", quoted);
	*ret_program = xasprintf("docker-credential-%s", name);
	return proc_find(*ret_program, ret_path, err);
}

int auth_helper_get(const char *name, const char *server, struct credentials *ret_credentials,
		    struct err *err)
{
	AUTO_FREE char *program = NULL, *path = NULL, *input = xasprintf("%s\n", server);
	AUTO(wipe_buf) struct buf answer = BUF_INIT(LIMIT_CREDENTIAL);
	struct proc_spec spec = PROC_SPEC_INIT;
	char get[] = "get";

	if (find_program(name, &program, &path, err) < 0)
		return -1;
	spec.argv = (char *[]){path, get, NULL};
	spec.env = environ;
	buf_reserve(&answer, LIMIT_CREDENTIAL); /* growing would leave copies behind */
	if (proc_run_io(&spec, view_of(input), &answer, HELPER_TIMEOUT_MS, err) == 0)
		return read_answer(&answer, program, ret_credentials, err);
	if (err->code != ERR_IO)
		return -1;
	if (says_nothing_found(&answer))
		return 0;
	return err_set(err, ERR_IO, "%s failed; to see why run: echo %s | %s get", program, server,
		       program);
}
