// SPDX-License-Identifier: MIT
/*
 * The audit: see audit.h.
 *
 * Happy path: an event becomes one line, and one write() that appends it.
 * Failure modes: a write that fails leaves nothing.  One that is cut short leaves the rest owed: it
 * goes first, before anything else is recorded, so that no line stays half.
 */
#include "gateway/audit.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_SHOWN = 512 };

struct audit {
	int fd;
	char *id;
	uint64_t seq;	 /* of the last line */
	uint64_t size;	 /* of the file */
	struct buf owed; /* the rest of a line that was cut */
};

int audit_open(int fd, const char *id, struct audit **ret_audit, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		err_sys_(err, errno, "audit");
		close(fd);
		return -1;
	}
	*ret_audit = xcalloc(1, sizeof(**ret_audit));
	**ret_audit = (struct audit){.fd = fd,
				     .id = xstrdup(id),
				     .size = (uint64_t)st.st_size,
				     .owed = BUF_INIT(LIMIT_AUDIT_LINE)};
	return 0;
}

void audit_close(struct audit *audit)
{
	if (!audit)
		return;
	close(audit->fd);
	free(audit->id);
	buf_done(&audit->owed);
	free(audit);
}

/* --- a line --- */

/* Printable ASCII only: what else the bytes hold is written as \xNN (JSON doubles the backslash).
 */
static void set_text(json_t *line, const char *key, struct view text)
{
	AUTO_BUF struct buf shown = BUF_INIT(4 * TEXT_SHOWN + 8);
	size_t len = text.len < TEXT_SHOWN ? text.len : TEXT_SHOWN;

	if (text.len == 0)
		return;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c >= ' ' && c < 0x7f)
			buf_putc(&shown, (char)c);
		else
			buf_printf(&shown, "\\x%02x", c);
	}
	if (len < text.len)
		buf_puts(&shown, "...");
	json_object_set_new(line, key, json_string(shown.ptr));
}

static void set_string(json_t *line, const char *key, const char *text)
{
	set_text(line, key, text ? view_of(text) : VIEW_LIT(""));
}

static void set_number(json_t *line, const char *key, uint64_t number)
{
	if (number > 0)
		json_object_set_new(line, key, json_integer((json_int_t)number));
}

static void set_time(json_t *line)
{
	char text[CLOCK_TEXT_SIZE];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_nsec -= now.tv_nsec % 1000000;
	clock_format(&now, text);
	json_object_set_new(line, "time", json_string(text));
	json_object_set_new(line, "time_ms",
			    json_integer((json_int_t)now.tv_sec * 1000 + now.tv_nsec / 1000000));
}

static void set_verdict(json_t *line, const struct policy_verdict *verdict)
{
	json_object_set_new(line, "verdict", json_string(verdict->allowed ? "allow" : "deny"));
	set_string(line, "rule", verdict->rule);
	if (!verdict->allowed || !verdict->rule[0])
		set_string(line, "entry", verdict->entry);
	if (verdict->allowed)
		return;
	set_string(line, "reason", verdict->reason);
	set_string(line, "remedy", verdict->remedy);
}

static json_t *line_of(const struct audit *audit, const struct audit_event *event)
{
	json_t *line = json_object();
	char ip[IP_TEXT];

	set_number(line, "seq", audit->seq + 1);
	set_time(line);
	set_string(line, "id", audit->id);
	set_string(line, "what", event->what);
	set_number(line, "flow", event->flow);
	if (event->verdict)
		set_verdict(line, event->verdict);
	set_string(line, "host", event->host);
	set_number(line, "port", event->port);
	set_string(line, "type", event->type);
	set_text(line, "method", event->method);
	set_text(line, "path", event->path);
	set_number(line, "status", event->status);
	if (event->ip) {
		ip_format(event->ip, ip);
		set_string(line, "ip", ip);
	}
	set_string(line, "error", event->error);
	set_number(line, "sent", event->sent);
	set_number(line, "received", event->received);
	set_number(line, "duration_ms", event->duration_ms);
	return line;
}

/* --- the file --- */

/* Writes what is owed; false while some of it is left. */
static bool pay(struct audit *audit)
{
	ssize_t done;

	while (audit->owed.len > 0) {
		done = write(audit->fd, audit->owed.ptr, audit->owed.len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			log_warn("gateway", "audit: errno %d", errno);
			return false;
		}
		audit->size += (uint64_t)done;
		buf_consume(&audit->owed, (size_t)done);
	}
	return true;
}

/* Is there room in the file?  Somebody may have cut it since. */
static bool has_room(struct audit *audit)
{
	struct stat st;

	if (audit->size < LIMIT_AUDIT_BYTES)
		return true;
	if (fstat(audit->fd, &st) == 0)
		audit->size = (uint64_t)st.st_size;
	return audit->size < LIMIT_AUDIT_BYTES;
}

bool audit_write(struct audit *audit, const struct audit_event *event)
{
	json_t *json;
	char *text;
	size_t len;

	if (!pay(audit) || !has_room(audit))
		return false;
	json = line_of(audit, event);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	if (!text)
		return false;
	buf_puts(&audit->owed, text);
	buf_putc(&audit->owed, '\n');
	free(text);
	audit->seq++;
	len = audit->owed.len;
	if (pay(audit))
		return true;
	if (audit->owed.len == len) { /* none of it is there: as if it had never been */
		buf_clear(&audit->owed);
		audit->seq--;
	}
	return false;
}
