// SPDX-License-Identifier: MIT
/* Reads an audit (gateway/audit.h), also one that grows. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <stdint.h>

struct audit_reader {
	int fd;		  /* borrowed; read on from where it stands */
	const char *id;	  /* the sandbox whose records are wanted, borrowed; NULL = of all */
	uint64_t skipped; /* lines that are no record */
	struct buf bytes; /* that were read and, from `at` on, not looked at */
	size_t at;
};

void audit_reader_init(struct audit_reader *reader, int fd, const char *id);
void audit_reader_done(struct audit_reader *reader);

/* The next record, an object that becomes the caller's: 1; 0 and NULL when there is none yet; -1
 * with err. */
int audit_reader_next(struct audit_reader *reader, json_t **ret_record, struct err *err);

/* A member of a record; "" and 0 when it is not there. */
const char *audit_text(const json_t *record, const char *key);
uint64_t audit_number(const json_t *record, const char *key);
