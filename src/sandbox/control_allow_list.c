// SPDX-License-Identifier: MIT
/*
 * The list of a running sandbox: ALLOW_LIST of wire/control.h.
 *
 * Happy path: the change is made on a copy of the policy, which is put in force as a whole, for
 * connections that are open too; the answer has the policy as it is then.
 * Failure modes: an entry that makes no sense changes nothing, and so does a gateway that refuses.
 * The change is the sandbox's, not the state's: `get` shows what it was started with.
 */
#include "sandbox/control_internal.h"

#include "base/auto.h"
#include "base/limits.h"
#include "base/sealed.h"
#include "wire/allow_list.h"

static int read_request(int fd, struct allow_list_request *ret_request, struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT(LIMIT_POLICY_MESSAGE);

	if (sealed_read(fd, &bytes, "the request", err) < 0)
		return -1;
	return allow_list_request_unpack((struct view){bytes.ptr, bytes.len}, ret_request, err);
}

static int change(const struct allow_list_request *request, struct allow_list_answer *answer,
		  struct err *err)
{
	if (request->change == ALLOW_LIST_ADD)
		return policy_spec_add_hosts(&answer->policy, request->hosts, &answer->changed,
					     err);
	if (request->change == ALLOW_LIST_DELETE)
		return policy_spec_delete_hosts(&answer->policy, request->hosts, &answer->changed,
						err);
	return 0;
}

static int send_answer(struct connection *connection, const struct allow_list_answer *answer,
		       struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT(LIMIT_POLICY_MESSAGE);
	AUTO_FD int fd = -1;

	allow_list_answer_pack(&bytes, answer);
	if (buf_check(&bytes, "the policy", err) < 0 ||
	    sealed_new("allow-list", (struct view){bytes.ptr, bytes.len}, &fd, err) < 0)
		return -1;
	connection_answer(connection, &(struct control_packet){.type = CONTROL_ANSWER}, fd);
	return 0;
}

int control_allow_list(struct connection *connection, struct err *err)
{
	AUTO(allow_list_request_done) struct allow_list_request request = {0};
	AUTO(allow_list_answer_done) struct allow_list_answer answer = {0};
	const struct control_host *host = connection_host(connection);

	if (host->spec->no_network)
		return err_set(err, ERR_CONFLICT,
			       "allow-list updates unavailable: sandbox was started without "
			       "network interception");
	if (read_request(connection->fds[0], &request, err) < 0)
		return -1;
	answer.policy = policy_spec_copy(sandbox_policy(host->sandbox));
	if (change(&request, &answer, err) < 0)
		return -1;
	if (answer.changed && sandbox_set_policy(host->sandbox, &answer.policy, err) < 0)
		return -1;
	return send_answer(connection, &answer, err);
}
