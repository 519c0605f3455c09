// SPDX-License-Identifier: MIT
/* A policy (api/policy_spec.h) between our processes. */
#pragma once

#include "api/policy_spec.h"
#include "wire/pack.h"

void policy_spec_pack(struct buf *buf, const struct policy_spec *spec);

/* Fills `ret_spec`, which is then the caller's, also when the read has failed (wire/pack.h). */
void policy_spec_unpack(struct unpack *in, struct policy_spec *ret_spec);
