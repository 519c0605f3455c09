// SPDX-License-Identifier: MIT
/* The parts of a sandbox that are processes of this program: see roles.h. */
#include "cli/roles.h"

#include "base/attr.h"
#include "cli/cli.h"
#include "gateway/process.h"
#include "gateway/resolver_child.h"

int cmd_gateway(struct cli *cli ML_UNUSED, int argc ML_UNUSED, char **argv ML_UNUSED,
		struct err *err)
{
	return gateway_run(GATEWAY_SOCKET_FD, err);
}

int cmd_resolver(struct cli *cli ML_UNUSED, int argc ML_UNUSED, char **argv ML_UNUSED,
		 struct err *err)
{
	return resolver_child_run(RESOLVER_SOCKET_FD, err);
}
