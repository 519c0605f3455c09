// SPDX-License-Identifier: MIT
/*
 * A fuzz target: one file here, named as what it decodes.  Built twice: with main.c, which replays
 * corpus/NAME/ in every test run, and (-Dfuzz=true, clang) with libFuzzer, which looks for more:
 * tools/fuzz-all.  A target asserts what must hold besides not crashing, and returns 0.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
