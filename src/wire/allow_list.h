// SPDX-License-Identifier: MIT
/* What ALLOW_LIST of wire/control.h asks and is answered, each in sealed memory. */
#pragma once

#include "api/policy_spec.h"
#include "base/buf.h"
#include "base/err.h"

enum allow_list_change { ALLOW_LIST_SHOW, ALLOW_LIST_ADD, ALLOW_LIST_DELETE, ALLOW_LIST_CHANGES };

struct allow_list_request {
	enum allow_list_change change;
	char **hosts; /* as typed; of SHOW none */
};

struct allow_list_answer {
	char **changed;		   /* what was added or deleted, in the form of host_entry.h */
	struct policy_spec policy; /* in force now */
};

void allow_list_request_pack(struct buf *buf, const struct allow_list_request *request);
void allow_list_answer_pack(struct buf *buf, const struct allow_list_answer *answer);

/* ERR_PROTOCOL on anything malformed; else what was read is the caller's. */
int allow_list_request_unpack(struct view bytes, struct allow_list_request *ret_request,
			      struct err *err);
int allow_list_answer_unpack(struct view bytes, struct allow_list_answer *ret_answer,
			     struct err *err);

void allow_list_request_done(struct allow_list_request *request);
void allow_list_answer_done(struct allow_list_answer *answer);
