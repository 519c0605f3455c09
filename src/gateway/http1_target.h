// SPDX-License-Identifier: MIT
/* What an HTTP/1 request is for (RFC 9112, 3.2; RFC 9110, 7.2): its target and its Host. */
#pragma once

#include "api/host_name.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Of a URI or a Host field, without user information. */
struct http1_authority {
	char host[HOST_NAME_SIZE]; /* in the form of api/host_name.h, or an address of base/ip.h */
	uint16_t port;		   /* 0: not given */
};

/* Reads "example.com", "192.0.2.1:80" or "[2001:db8::1]:80".  False: it is none of them. */
bool http1_authority_read(struct view text, struct http1_authority *ret_authority);

enum http1_form {
	HTTP1_ORIGIN,	 /* "/path?query" */
	HTTP1_ABSOLUTE,	 /* "http://host/path": as to a proxy */
	HTTP1_AUTHORITY, /* "host:port": CONNECT, and only there */
	HTTP1_ASTERISK,	 /* "*": OPTIONS, and only there */
};

struct http1_target {
	enum http1_form form;
	bool https;			  /* of an absolute one */
	struct http1_authority authority; /* of an absolute one or CONNECT's; else the host is "" */
	struct view path;		  /* with its query; empty where there is none */
};

/* ERR_PROTOCOL if `text` is not a target for that method. */
int http1_target_read(struct view method, struct view text, struct http1_target *ret_target,
		      struct err *err);
