// SPDX-License-Identifier: MIT
/* For tests: guests that play the agent on a channel, well or badly.  Each writes its frames by
 * hand and never returns to anything of use; run it in a process of its own. */
#pragma once

typedef void guest_fn(int channel, int console);

guest_fn guest_honest, guest_dies, guest_refuses, guest_is_silent, guest_garbage, guest_opens,
	guest_overruns, guest_abandons, guest_hangs_up, guest_resets, guest_finishes_and_resets,
	guest_ignores, guest_repeats, guest_panics;
