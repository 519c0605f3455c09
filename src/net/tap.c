// SPDX-License-Identifier: MIT
/*
 * A TAP without packet information, with the header of virtio-net: checksums and segmentation are
 * then left to whoever is at the end of a connection, which is worth four times the speed.  The VMM
 * turns on the offloads that its guest has agreed to.
 *
 * It is persistent, which here means for as long as its namespace: the kernel then removes both in
 * the background.  Else whoever closes the last descriptor would wait for that, some 35 ms.
 */
#include "net/tap.h"

#include "base/auto.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#define TUN "/dev/net/tun"

static int refuse(int errnum, struct err *err)
{
	switch (errnum) {
	case EACCES:
	case EPERM:
		return err_set(err, ERR_UNAVAILABLE,
			       "this user may not open " TUN
			       "; 'sudo matchlock setup linux' allows it, --no-network does "
			       "without");
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return err_set(err, ERR_UNAVAILABLE,
			       "this host has no " TUN
			       "; 'sudo matchlock setup linux' makes it, --no-network does "
			       "without");
	default:
		return err_sys(err, errnum, "open '%s'", TUN);
	}
}

int tap_open(int *ret_fd, struct err *err)
{
	AUTO_FD int fd = open(TUN, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct ifreq request = {.ifr_name = TAP_NAME,
				.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

	if (fd < 0)
		return refuse(errno, err);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return err_sys(err, errno, "make the TAP");
	if (ioctl(fd, TUNSETPERSIST, 1) < 0)
		return err_sys(err, errno, "keep the TAP");
	*ret_fd = STEAL_FD(fd);
	return 0;
}
