// SPDX-License-Identifier: MIT
/*
 * Devices on the virtio bus.  The kernel binds none by itself but the channel's (guest/init.c): a
 * template is saved before that, and each costs time, so only those in use are bound.
 */
#pragma once

#include "base/err.h"

#include <stddef.h>

#define VIRTIO_DEVICES "/sys/bus/virtio/devices"

enum { VIRTIO_MAX = 64 };

enum virtio_kind { VIRTIO_NET = 1, VIRTIO_BLK };

/* Fills in the bus numbers of the devices of this kind, ascending, which is the order of the VMM's
 * command line.  Returns how many there are. */
size_t virtio_list(enum virtio_kind kind, unsigned ret_numbers[VIRTIO_MAX]);

/* Binds device `number` to the driver of its kind.  One that is bound is left alone. */
int virtio_bind(enum virtio_kind kind, unsigned number, struct err *err);
