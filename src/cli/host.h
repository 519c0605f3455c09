// SPDX-License-Identifier: MIT
/* What the host gives this process. */
#pragma once

/* CPUs that it may use: those of its affinity mask. */
unsigned host_cpus(void);
