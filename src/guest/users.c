// SPDX-License-Identifier: MIT
/*
 * Users and groups of an image: see users.h.  A line is cut into fields in place; a line with too
 * few fields, a bad number or a '#' at its start is passed over; the first match wins.
 *
 * The files are opened without blocking and must be regular, so that an image that ships a FIFO
 * there cannot hold up a command.
 */
#include "guest/users.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FIELDS = 7,
	PASSWD_NAME = 0,
	PASSWD_UID = 2,
	PASSWD_GID = 3,
	PASSWD_HOME = 5,
	PASSWD_MIN = 6,
	GROUP_NAME = 0,
	GROUP_GID = 2,
	GROUP_MEMBERS = 3,
	GROUP_MIN = 3,
};

/* A decimal user or group id.  The last value means "none" to the kernel. */
static bool parse_id(struct view text, uint32_t *ret_id)
{
	uint64_t value = 0;

	if (text.len == 0 || text.len > 10)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text.ptr[i] - '0');
	}
	if (value >= UINT32_MAX)
		return false;
	*ret_id = (uint32_t)value;
	return true;
}

/* Cuts the part before `separator` off `text` (all of it when there is none). */
static struct view cut(struct view *text, char separator)
{
	const char *end = text->len ? memchr(text->ptr, separator, text->len) : NULL;
	struct view part = {text->ptr, end ? (size_t)(end - text->ptr) : text->len};
	size_t used = part.len + (end ? 1 : 0);

	text->ptr += used;
	text->len -= used;
	return part;
}

static bool same(struct view a, struct view b)
{
	return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* The next line of `text` with at least `min` fields.  False at the end. */
static bool next_entry(struct view *text, size_t min, struct view fields[FIELDS])
{
	while (text->len > 0) {
		struct view line = cut(text, '\n');
		size_t count = 0;

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		memset(fields, 0, sizeof(*fields) * FIELDS);
		while (count < FIELDS && line.len > 0)
			fields[count++] = cut(&line, ':');
		/* "a:b:" has an empty last field. */
		if (line.len == 0 && count < FIELDS && line.ptr[-1] == ':')
			fields[count++] = (struct view){line.ptr, 0};
		if (count >= min)
			return true;
	}
	return false;
}

struct passwd_entry {
	struct view name, home;
	uint32_t uid, gid;
};

/* The first entry of that name, or of that uid when `name` is a number. */
static bool find_user(struct view passwd, struct view name, struct passwd_entry *ret_entry)
{
	struct view fields[FIELDS];
	uint32_t wanted = 0;
	bool by_uid = parse_id(name, &wanted);

	while (next_entry(&passwd, PASSWD_MIN, fields)) {
		struct passwd_entry entry = {.name = fields[PASSWD_NAME],
					     .home = fields[PASSWD_HOME]};

		if (!parse_id(fields[PASSWD_UID], &entry.uid) ||
		    !parse_id(fields[PASSWD_GID], &entry.gid))
			continue;
		if (by_uid ? entry.uid == wanted : same(entry.name, name)) {
			*ret_entry = entry;
			return true;
		}
	}
	return false;
}

static int find_group(struct view group, struct view name, gid_t *ret_gid, struct err *err)
{
	struct view fields[FIELDS];
	uint32_t gid;

	if (parse_id(name, ret_gid))
		return 0;
	while (next_entry(&group, GROUP_MIN, fields)) {
		if (same(fields[GROUP_NAME], name) && parse_id(fields[GROUP_GID], &gid)) {
			*ret_gid = gid;
			return 0;
		}
	}
	return err_set(err, ERR_NOT_FOUND, "group \"%.*s\" not found", (int)MIN(name.len, 256u),
		       name.ptr);
}

static int add_group(struct user *user, gid_t gid, struct err *err)
{
	for (size_t i = 0; i < user->group_count; i++) {
		if (user->groups[i] == gid)
			return 0;
	}
	if (user->group_count >= LIMIT_USER_GROUPS)
		return err_set(err, ERR_LIMIT, "a user in more than %d groups", LIMIT_USER_GROUPS);
	user->groups[user->group_count++] = gid;
	return 0;
}

/* The groups that list `name` as a member. */
static int add_memberships(struct user *user, struct view group, struct view name, struct err *err)
{
	struct view fields[FIELDS];

	while (next_entry(&group, GROUP_MIN, fields)) {
		struct view members = fields[GROUP_MEMBERS];
		bool member = false;
		uint32_t gid;

		while (members.len > 0 && !member)
			member = same(cut(&members, ','), name);
		if (member && parse_id(fields[GROUP_GID], &gid) && add_group(user, gid, err) < 0)
			return -1;
	}
	return 0;
}

static int resolve(const char *spec, struct view passwd, struct view group, struct user *user,
		   struct err *err)
{
	struct view group_name = view_of(spec);
	bool has_group = strchr(spec, ':') != NULL;
	struct view name = cut(&group_name, ':');
	struct passwd_entry entry = {0};
	bool known;

	if (name.len == 0)
		name = VIEW_LIT("0");
	known = find_user(passwd, name, &entry);
	if (!known && !parse_id(name, &entry.uid))
		return err_set(err, ERR_NOT_FOUND, "user \"%.*s\" not found",
			       (int)MIN(name.len, 256u), name.ptr);
	user->uid = entry.uid;
	user->gid = known ? entry.gid : entry.uid;
	user->home = entry.home.len ? xstrndup(entry.home.ptr, entry.home.len) : xstrdup("/");
	if (has_group && group_name.len > 0) {
		if (find_group(group, group_name, &user->gid, err) < 0)
			return -1;
		return add_group(user, user->gid, err);
	}
	if (add_group(user, user->gid, err) < 0)
		return -1;
	return known ? add_memberships(user, group, entry.name, err) : 0;
}

int user_parse(const char *spec, struct view passwd, struct view group, struct user *ret_user,
	       struct err *err)
{
	struct user user = {0};

	user.groups = xcalloc(LIMIT_USER_GROUPS, sizeof(gid_t));
	if (resolve(spec, passwd, group, &user, err) < 0) {
		user_done(&user);
		return -1;
	}
	*ret_user = user;
	return 0;
}

static int read_database(const char *path, struct buf *buf, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return 0;
	return fd_read_to_end(fd, buf, path, err);
}

int user_lookup(const char *spec, struct user *ret_user, struct err *err)
{
	AUTO_BUF struct buf passwd = BUF_INIT(LIMIT_CONFIG_FILE),
			    group = BUF_INIT(LIMIT_CONFIG_FILE);

	if (read_database("/etc/passwd", &passwd, err) < 0 ||
	    read_database("/etc/group", &group, err) < 0)
		return -1;
	return user_parse(spec, (struct view){passwd.ptr, passwd.len},
			  (struct view){group.ptr, group.len}, ret_user, err);
}

void user_done(struct user *user)
{
	free(user->groups);
	free(user->home);
	*user = (struct user){0};
}
