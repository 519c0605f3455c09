// SPDX-License-Identifier: MIT
/*
 * The last words on a run's network: see audit_note.h.  The audit is only read when there is
 * something to tell, which the counters know.  What fails is told instead: it fails no run.
 */
#include "cli/audit_note.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/path.h"
#include "cli/audit_summary.h"
#include "gateway/audit.h"
#include "gateway/counters.h"
#include "sandbox/gc.h"

#include <stdlib.h>

static int put_policy(const struct audit_note *note, const struct audit_summary *summary,
		      struct buf *text, struct err *err)
{
	buf_puts(text, "# This policy would have been enough:\n");
	if (audit_summary_policy(summary, &note->spec->policy, text, err) < 0)
		return -1;
	return buf_check(text, "the policy", err);
}

static void put_denials(const struct audit_note *note, const struct audit_summary *summary,
			struct buf *text)
{
	const char *path = note->spec->audit_path;
	const size_t start = text->len;

	audit_summary_denied(summary, text);
	if (text->len == start)
		return;
	if (*path)
		buf_printf(text, "; see matchlock audit %s\n", path);
	else if (note->kept)
		buf_printf(text, "; see matchlock audit %s\n", note->id);
	else
		buf_puts(text, "; run with --audit FILE to keep the reasons\n");
}

static int write_note(const struct audit_note *note, const char *dir, struct buf *text,
		      struct err *err)
{
	AUTO(audit_summary_done) struct audit_summary summary = {0};
	AUTO_FREE char *path = *note->spec->audit_path ? xstrdup(note->spec->audit_path)
						       : path_join(dir, AUDIT_FILE);

	if (audit_summary_read(path, note->id, &summary, err) < 0)
		return -1;
	if (note->spec->policy.audit_only && put_policy(note, &summary, text, err) < 0)
		return -1;
	if (note->denials)
		put_denials(note, &summary, text);
	return 0;
}

char *audit_note(const struct audit_note *note)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_POLICY_MESSAGE);
	AUTO_FREE char *dir = NULL;
	struct counters counters;
	struct err err;

	if (gc_directory(note->state_home, note->id, &dir, &err) < 0 ||
	    !counters_read(dir, &counters))
		return NULL;
	if (!note->spec->policy.audit_only && !(note->denials && counters.denied > 0))
		return NULL;
	if (write_note(note, dir, &text, &err) < 0)
		return xasprintf("audit: %s", err.msg);
	if (text.len == 0)
		return NULL;
	text.ptr[text.len - 1] = '\0';
	return buf_steal(&text, NULL);
}
