// SPDX-License-Identifier: MIT
/*
 * Where things are in the agent's own mount namespace, a small tmpfs that no command sees.  The
 * container's root is mounted here too, but only the processes in it have it as their root.
 */
#pragma once

#define GUEST_INIT	  "/init" /* this program */
/* The root directory of the kernel's own threads, and so of every program that the kernel starts by
 * a path: the module loader with its modules, and nothing that a command could have written. */
#define GUEST_HELPERS	  "/helpers"
#define GUEST_MODPROBE	  "/modprobe" /* in there: this program, by the name that the kernel calls */
#define GUEST_MODULES	  "/lib/modules" /* in there, and in the container */
#define GUEST_CGROUP	  "/sys/fs/cgroup"
#define GUEST_SANDBOX	  GUEST_CGROUP "/sandbox" /* the container's root in the hierarchy */
#define GUEST_PTS	  "/pts"		  /* the container's terminals */
#define GUEST_LAYER_FMT	  "/layer/%zu"		  /* EROFS, 0 = base */
#define GUEST_UPPER	  "/upper"		  /* ext4 */
#define GUEST_ROOT	  "/root"		  /* overlay of both: the container's root */
#define GUEST_DATA_FMT	  "/data/%zu"		  /* by position in the list of disks */
#define GUEST_PORT	  "ctl"			  /* name of the virtio port to the host */
#define GUEST_SYSFS_PORTS "/sys/class/virtio-ports"
