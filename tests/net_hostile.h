// SPDX-License-Identifier: MIT
/*
 * Frames that must have no effect at all: what is no TCP and no DNS query from the guest's address
 * to somebody else's, in every form that we know of.
 */
#pragma once

#include "net_guest.h"

typedef void hostile_fn(void *ctx, const char *name, const struct frame *frame);

/* Each group calls `use` once for each frame. */
void hostile_packets(hostile_fn *use, void *ctx);   /* IPv4 */
void hostile_fragments(hostile_fn *use, void *ctx); /* parts of packets */
void hostile_packets6(hostile_fn *use, void *ctx);  /* IPv6 */
void hostile_arp(hostile_fn *use, void *ctx);
void hostile_frames(hostile_fn *use, void *ctx); /* of other protocols, VLANs and stations */
