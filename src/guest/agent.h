// SPDX-License-Identifier: MIT
/* The role `agent`: what PID 1 does once the guest has booted. */
#pragma once

#include "base/attr.h"

/* Opens the control port and serves the host until the VM ends. */
ML_NORETURN void agent_run(void);
