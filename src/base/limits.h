// SPDX-License-Identifier: MIT
/*
 * Every cap on what a guest, a user or a file can make us hold, in one table.  A size from outside
 * meets one of these before it is used.
 */
#pragma once

enum {
	/* wire: the channel between host and guest */
	LIMIT_FRAME_DATA =
		32768 - 12, /* payload of a DATA frame: with its header one 32 KiB write */
	LIMIT_STREAM_CREDIT = 1024 * 1024, /* unread bytes a stream's channel may hold */
	LIMIT_STREAMS = 1024,		   /* open at once on one channel */
	LIMIT_MESSAGE_TO_HOST = 64 * 1024, /* one message of a (hostile) guest */
	LIMIT_MESSAGE_TO_GUEST =
		4 * 1024 * 1024,	       /* one message of the host: arguments, environment */
	LIMIT_CHANNEL_QUEUE = 8 * 1024 * 1024, /* bytes waiting to be written to the peer */

	/* a command in the guest */
	LIMIT_COMMAND = 128 * 1024 - 1, /* the one word that `sh -c` gets: MAX_ARG_STRLEN */
	LIMIT_ENV_TOTAL = 1024 * 1024,	/* all of a command's environment */
	LIMIT_ENV_FILE_LINE = 1024 * 1024,
	LIMIT_ENV_COUNT = 16384,	  /* entries given by --env and --env-file */
	LIMIT_ENV_ENTRY = 128 * 1024 - 1, /* one of them: MAX_ARG_STRLEN too */

	/* an image */
	LIMIT_IMAGE_LAYERS = 128,
	LIMIT_IMAGE_CONFIG_ITEMS = 16384, /* words or variables of one list of its config */

	/* a VM */
	LIMIT_DISKS = 22,		 /* virtio-blk slots of the large device shape */
	LIMIT_VM_LOG = 16 * 1024 * 1024, /* logs/vm.log */
	LIMIT_STDERR_TAIL = 4096,	 /* what is kept of a helper's last words */

	/* databases */
	LIMIT_DB_VALUE = 4 * 1024 * 1024, /* one text or blob */

	/* files we read */
	LIMIT_CONFIG_FILE = 4 * 1024 * 1024,
};
