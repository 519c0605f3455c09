// SPDX-License-Identifier: MIT
/*
 * Every cap on what a guest, a user or a file can make us hold, in one table.  A size from outside
 * meets one of these before it is used.
 */
#pragma once

#include <stdint.h>

enum {
	/* wire: the channel between host and guest */
	LIMIT_FRAME_TO_GUEST = 128 * 1024, /* payload of a DATA frame */
	LIMIT_FRAME_TO_HOST = 32768 - 12,  /* with its header one write of the guest's driver */
	LIMIT_STREAM_CREDIT = 1024 * 1024, /* unread bytes a stream's channel may hold */
	LIMIT_STREAMS = 1024,		   /* open at once on one channel */
	LIMIT_MESSAGE_TO_HOST = 64 * 1024, /* one message of a (hostile) guest */
	LIMIT_MESSAGE_TO_GUEST =
		4 * 1024 * 1024,	       /* one message of the host: arguments, environment */
	LIMIT_CHANNEL_QUEUE = 8 * 1024 * 1024, /* bytes waiting to be written to the peer */

	/* other commands at a sandbox's supervisor */
	LIMIT_CONTROL_PACKET = 4096,
	LIMIT_CONTROL_CLIENTS = 100, /* at once: each takes up to 8 descriptors of its 1024 */

	/* ports of the host that lead into a sandbox */
	LIMIT_LISTENERS = 100,	    /* of one `run` or `port-forward` */
	LIMIT_FORWARDED = 1000,	    /* connections at once: leaves streams for commands */
	LIMIT_FORWARD_QUEUE = 1024, /* connections of one port that wait to be accepted */

	/* a command in the guest */
	LIMIT_COMMAND = 128 * 1024 - 1, /* the one word that `sh -c` gets: MAX_ARG_STRLEN */
	LIMIT_ENV_TOTAL = 1024 * 1024,	/* all of a command's environment */
	LIMIT_ENV_FILE_LINE = 1024 * 1024,
	LIMIT_USER_GROUPS = 1024,	  /* supplementary groups that an image gives a user */
	LIMIT_ENV_COUNT = 16384,	  /* entries given by --env and --env-file */
	LIMIT_ENV_ENTRY = 128 * 1024 - 1, /* one of them: MAX_ARG_STRLEN too */

	/* an image */
	LIMIT_IMAGE_LAYERS = 128,
	LIMIT_REGISTRY_NAME = 255,		 /* "host:port" */
	LIMIT_REPOSITORY_NAME = 255,		 /* Docker's own */
	LIMIT_REGISTRIES = 256,			 /* that registries.json names */
	LIMIT_REGISTRY_MIRRORS = 16,		 /* of one of them */
	LIMIT_REGISTRY_PORTS = 16,		 /* likewise, besides its own */
	LIMIT_IMAGE_MANIFESTS = 1024,		 /* of one index */
	LIMIT_CREDENTIAL = 64 * 1024,		 /* what a credential helper may answer */
	LIMIT_MANIFEST = 4 * 1024 * 1024,	 /* bytes of a manifest or an index */
	LIMIT_WORKER_LINE = 4 * 1024 * 1024,	 /* one message from or to the image worker */
	LIMIT_WORKER_MEMORY = 512 * 1024 * 1024, /* of the image worker */
	LIMIT_LAYER_RATIO = 2000, /* bytes of tar for one compressed: gzip cannot exceed 1032 */
	LIMIT_TAR_HEADER = 2 * 1024 * 1024,  /* what one entry of a tar has before its content */
	LIMIT_LAYER_LINKS = 8 * 1024 * 1024, /* bytes of the names of hard links to other layers */
	LIMIT_REGISTRY_TOKEN = 64 * 1024,    /* bytes of a bearer token */
	LIMIT_IMAGE_CONFIG_ITEMS = 16384,    /* words or variables of one list of its config */

	/* a VM */
	LIMIT_DISKS = 22,		   /* virtio-blk slots of the large device shape */
	LIMIT_GUEST_PATH = 1024,	   /* bytes of where a disk is mounted in the guest */
	LIMIT_VM_STATE = 64 * 1024 * 1024, /* a saved VM without its RAM */
	LIMIT_VM_LOG = 8 * 1024 * 1024,	   /* logs/vm.log, and again logs/vm.log.1 */
	LIMIT_STDERR_TAIL = 4096,	   /* what is kept of a helper's last words */

	/* the guest's network */
	LIMIT_NET_BACKLOG = 1024, /* connections that wait to be accepted */

	/* the gateway */
	LIMIT_CONNECTIONS = 16384,	    /* of one guest at once */
	LIMIT_FIRST_BYTES_MS = 10 * 1000,   /* until a connection that has to has said what it is */
	LIMIT_TUNNEL_IDLE_MS = 7200 * 1000, /* without a byte either way */
	LIMIT_KEEPALIVE_S = 60,		    /* until a silent server is asked whether it is there */
	LIMIT_HTTP_HEAD_MS = 30 * 1000,	    /* from the first byte of a request to its body */
	LIMIT_HTTP_IDLE_MS = 300 * 1000,    /* from a response to the next request */
	LIMIT_HTTP_SILENCE_MS = 900 * 1000, /* without a byte within a request and its response */
	LIMIT_HTTP_LAST_MS = 30 * 1000,	    /* until the guest has taken the end of a response */
	LIMIT_HTTP_LINGER_MS = 2 * 1000,    /* that it may still speak after that */
	LIMIT_TUNNEL_HELD = 256 * 1024,	    /* by a guest, to be inspected or passed on first */
	LIMIT_PIPES = 8,		    /* of all tunnels, for splice() */
	LIMIT_DIAL_ADDRESSES = 8,	    /* of one name that are tried */
	LIMIT_DIAL_ADDRESS_MS = 10 * 1000,  /* for one of them */
	LIMIT_PROXY_MS = 30 * 1000, /* for the proxy's name, the proxy, and its way to the server */
	LIMIT_PROXY_TEXT = 16 * 1024, /* its address, its user, or the hosts that it does not get */
	LIMIT_AUDIT_LINE = 64 * 1024,
	LIMIT_ORDERS = 64 * 1024 * 1024,     /* all that it is told: a policy of full size fits */
	LIMIT_DNS_LIFETIME_MS = 3600 * 1000, /* a name keeps its unused address so long */

	/* the guest's DNS queries */
	LIMIT_DNS_TTL_S = 60,	    /* told with an address, far below its lifetime */
	LIMIT_DNS_RATE = 1000,	    /* queries a second, */
	LIMIT_DNS_BURST = 5000,	    /* and at once after a rest */
	LIMIT_DNS_NEW_RATE = 5,	    /* names a second that only a pattern allows, */
	LIMIT_DNS_NEW_BURST = 500,  /* likewise */
	LIMIT_DNS_PENDING = 1024,   /* queries that wait for the host's answer */
	LIMIT_DNS_RECENT = 8192,    /* names and types that are known as recorded */
	LIMIT_DNS_QUERY = 4096,	    /* bytes of one */
	LIMIT_DNS_CONNECTIONS = 64, /* over TCP, at once */
	LIMIT_DNS_PIPELINED = 16,   /* queries of one of them that wait */
	LIMIT_DNS_IDLE_MS = 10000,  /* that it may take for the next */

	/* the host's names, for the gateway */
	LIMIT_RESOLVER_QUERIES = 2048,	    /* that wait for an answer */
	LIMIT_RESOLVER_ASKED = 64,	    /* questions that the process has at once */
	LIMIT_RESOLVER_THREADS = 16,	    /* of it: questions that it asks at once */
	LIMIT_RESOLVER_WAIT_MS = 10000,	    /* until a query ends without an answer */
	LIMIT_RESOLVER_KEPT = 4096,	    /* answers that are remembered */
	LIMIT_RESOLVER_KEEP_MS = 30 * 1000, /* addresses */
	LIMIT_RESOLVER_KEEP_NONE_MS = 5000, /* that there are none */
	LIMIT_RESOLVER_PACKET = 64 * 1024,  /* one answer */
	LIMIT_RESOLVER_RECORDS = 256,	    /* of one answer */
	LIMIT_RESOLVER_MEMORY = 256 * 1024 * 1024,

	/* what a guest and its servers say, before it is judged */
	LIMIT_DNS_UDP = 1232,	       /* an answer that no path cuts into fragments */
	LIMIT_DNS_NAMES = 32768,       /* with a synthetic address at once */
	LIMIT_TLS_HELLO = 64 * 1024,   /* bytes of a connection up to the end of its ClientHello */
	LIMIT_HTTP_HEAD = 64 * 1024,   /* a request's or a response's lines before its body */
	LIMIT_HTTP_LINE = 16 * 1024,   /* one of them */
	LIMIT_HTTP_FIELDS = 128,       /* header fields of one head, or trailer fields of a body */
	LIMIT_HTTP_CHUNK_LINE = 256,   /* the size of a chunk and its extensions */
	LIMIT_HTTP_TRAILER = 8 * 1024, /* bytes of a body's trailer */

	/* a policy */
	LIMIT_POLICY_ENTRIES = 4096,		 /* of one kind */
	LIMIT_POLICY_BYTES = 1024 * 1024,	 /* of a policy file and all that it includes */
	LIMIT_POLICY_FILES = 64,		 /* that one includes, itself counted */
	LIMIT_POLICY_DEPTH = 8,			 /* of includes */
	LIMIT_POLICY_MESSAGE = 16 * 1024 * 1024, /* one of full size between processes */
	LIMIT_HOST_ADDRESSES = 1024,		 /* of the host's own interfaces */
	LIMIT_RESOLVED = 64,			 /* addresses of one name */

	/* databases */
	LIMIT_DB_VALUE = 4 * 1024 * 1024, /* one text or blob */

	/* an EROFS image that we write */
	LIMIT_EROFS_ENTRIES = 1024 * 1024,    /* names in it */
	LIMIT_EROFS_TREE = 128 * 1024 * 1024, /* memory that they take while it is written */
	LIMIT_EROFS_PATH = 4096,	      /* bytes of a path or a link's target */
	LIMIT_EROFS_LINKS = 65535,	      /* hard links of one file */
	LIMIT_EROFS_XATTRS = 64,	      /* extended attributes of one entry */
	LIMIT_EROFS_XATTR_BYTES = 128 * 1024, /* all of them together */

	LIMIT_TIMINGS = 64, /* moments of one start that --timings shows */

	/* files we read */
	LIMIT_CONFIG_FILE = 4 * 1024 * 1024,
};

/* What does not fit into an int. */
#define LIMIT_AUDIT_BYTES     (UINT64_C(1) << 30)   /* of one audit; then the guest is cut off */
#define LIMIT_GATEWAY_MEMORY  (UINT64_C(1) << 30)   /* data of a gateway process */
#define LIMIT_TEMPLATES_BYTES (UINT64_C(4) << 30)   /* that the user's templates may take */
#define LIMIT_IMAGE_UNPACKED  (UINT64_C(64) << 30)  /* bytes of an image's layers as tar */
#define LIMIT_EROFS_IMAGE     (UINT64_C(128) << 30) /* bytes of an EROFS image */
#define LIMIT_EROFS_FILE      (UINT64_C(128) << 30) /* bytes of a file in it, holes included */
