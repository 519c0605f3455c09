// SPDX-License-Identifier: MIT
/*
 * The sum of an audit: see audit_summary.h.
 *
 * A guest asks for the addresses of a name again and again and in several ways, so of a name that
 * is denied all queries together count once.  What a guest can fill the audit with is not held in
 * memory without end: after some hosts, and some lines, the rest is left out.
 */
#include "cli/audit_summary.h"

#include "api/policy_file.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"
#include "gateway/audit_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LINES_READ = 200 * 1000, HOSTS_COUNTED = 1000, HOSTS_SHOWN = 5 };

static void count_denial(struct audit_summary *summary, const json_t *record)
{
	const char *host = audit_text(record, "host");
	json_int_t count = json_integer_value(json_object_get(summary->denied, host));

	if (strcmp(audit_text(record, "what"), "dns") == 0 && count > 0)
		return;
	if (count == 0 && json_object_size(summary->denied) == HOSTS_COUNTED)
		summary->cut = true;
	else
		json_object_set_new(summary->denied, host, json_integer(count + 1));
}

static void add_entry(struct audit_summary *summary, const json_t *record)
{
	const char *entry = audit_text(record, "entry");

	if (!*entry || strcmp(audit_text(record, "what"), "dns") == 0)
		return;
	if (json_object_size(summary->entries) == LIMIT_POLICY_ENTRIES)
		summary->cut = true;
	else
		json_object_set_new(summary->entries, entry, json_true());
}

static void add(struct audit_summary *summary, const json_t *record)
{
	const char *verdict = audit_text(record, "verdict");

	if (strcmp(verdict, "deny") == 0)
		count_denial(summary, record);
	else if (*verdict)
		add_entry(summary, record);
}

int audit_summary_read(const char *path, const char *id, struct audit_summary *ret_summary,
		       struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	AUTO(audit_reader_done) struct audit_reader reader;
	int more = fd >= 0, lines = 0;

	*ret_summary = (struct audit_summary){json_object(), json_object(), false};
	audit_reader_init(&reader, fd, id);
	if (fd < 0 && errno != ENOENT)
		return err_sys(err, errno, "open '%s'", path);
	while (more > 0 && lines < LINES_READ) {
		json_t *record = NULL;

		more = audit_reader_next(&reader, &record, err);
		if (more > 0)
			add(ret_summary, record);
		json_decref(record);
		lines++;
	}
	ret_summary->cut |= lines == LINES_READ;
	return more < 0 ? -1 : 0;
}

void audit_summary_done(struct audit_summary *summary)
{
	json_decref(summary->denied);
	json_decref(summary->entries);
	*summary = (struct audit_summary){0};
}

static unsigned long long sum(json_t *counts)
{
	unsigned long long total = 0;
	const char *host;
	json_t *count;

	json_object_foreach(counts, host, count) total +=
		(unsigned long long)json_integer_value(count);
	return total;
}

void audit_summary_denied(const struct audit_summary *summary, struct buf *text)
{
	const unsigned long long total = sum(summary->denied);
	const size_t hosts = json_object_size(summary->denied);
	size_t shown = 0;
	const char *host;
	json_t *count;

	if (total == 0)
		return;
	buf_printf(text, "%s%llu network request%s denied: ", summary->cut ? "over " : "", total,
		   total == 1 ? " was" : "s were");
	json_object_foreach(summary->denied, host, count)
	{
		if (shown == HOSTS_SHOWN)
			break;
		buf_printf(text, "%s%s", shown++ > 0 ? ", " : "", *host ? host : "without a name");
		if (json_integer_value(count) > 1)
			buf_printf(text, " (%lld)", (long long)json_integer_value(count));
	}
	if (hosts > shown)
		buf_printf(text, " and %zu more", hosts - shown);
}

int audit_summary_policy(const struct audit_summary *summary, const struct policy_spec *given,
			 struct buf *text, struct err *err)
{
	AUTO(policy_spec_done) struct policy_spec policy = policy_spec_copy(given);
	AUTO(auto_strv) char **entries = NULL, **added = NULL;
	const char *entry;
	json_t *set;

	strv_free(STEAL(policy.allow_hosts));
	json_object_foreach(summary->entries, entry, set) strv_add(&entries, entry);
	if (entries && policy_spec_add_hosts(&policy, entries, &added, err) < 0)
		return -1;
	policy_file_write(&policy, text);
	if (summary->cut)
		buf_puts(text, "# and more, which is left out here\n");
	return 0;
}
