// SPDX-License-Identifier: MIT
/* Policies to bytes and back: see policy_pack.h.  The entries are judged by who uses them. */
#include "wire/policy_pack.h"

void policy_spec_pack(struct buf *buf, const struct policy_spec *spec)
{
	pack_u8(buf, spec->listed);
	pack_u8(buf, spec->allow_local_nets);
	pack_u8(buf, spec->audit_only);
	pack_strv(buf, spec->allow_hosts);
	pack_strv(buf, spec->allow_private);
	pack_strv(buf, spec->host_services);
}

void policy_spec_unpack(struct unpack *in, struct policy_spec *ret_spec)
{
	ret_spec->listed = unpack_u8(in);
	ret_spec->allow_local_nets = unpack_u8(in);
	ret_spec->audit_only = unpack_u8(in);
	ret_spec->allow_hosts = unpack_strv(in);
	ret_spec->allow_private = unpack_strv(in);
	ret_spec->host_services = unpack_strv(in);
}
