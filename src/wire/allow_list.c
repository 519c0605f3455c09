// SPDX-License-Identifier: MIT
/* Changes of a running sandbox's list as bytes: see allow_list.h. */
#include "wire/allow_list.h"

#include "base/auto.h"
#include "base/strv.h"
#include "wire/policy_pack.h"

void allow_list_request_pack(struct buf *buf, const struct allow_list_request *request)
{
	pack_u8(buf, (uint8_t)request->change);
	pack_strv(buf, request->hosts);
}

void allow_list_answer_pack(struct buf *buf, const struct allow_list_answer *answer)
{
	pack_strv(buf, answer->changed);
	policy_spec_pack(buf, &answer->policy);
}

int allow_list_request_unpack(struct view bytes, struct allow_list_request *ret_request,
			      struct err *err)
{
	AUTO(allow_list_request_done) struct allow_list_request request = {0};
	struct unpack in = unpack_of(bytes);
	uint8_t change = unpack_u8(&in);

	if (change >= ALLOW_LIST_CHANGES)
		in.failed = true;
	request.change = (enum allow_list_change)change;
	request.hosts = unpack_strv(&in);
	if (unpack_done(&in, "allow-list request", err) < 0)
		return -1;
	*ret_request = request;
	request = (struct allow_list_request){0};
	return 0;
}

int allow_list_answer_unpack(struct view bytes, struct allow_list_answer *ret_answer,
			     struct err *err)
{
	AUTO(allow_list_answer_done) struct allow_list_answer answer = {0};
	struct unpack in = unpack_of(bytes);

	answer.changed = unpack_strv(&in);
	policy_spec_unpack(&in, &answer.policy);
	if (unpack_done(&in, "allow-list answer", err) < 0)
		return -1;
	*ret_answer = answer;
	answer = (struct allow_list_answer){0};
	return 0;
}

void allow_list_request_done(struct allow_list_request *request)
{
	strv_free(request->hosts);
	*request = (struct allow_list_request){0};
}

void allow_list_answer_done(struct allow_list_answer *answer)
{
	strv_free(answer->changed);
	policy_spec_done(&answer->policy);
	*answer = (struct allow_list_answer){0};
}
