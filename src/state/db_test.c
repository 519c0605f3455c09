// SPDX-License-Identifier: MIT
/* Opening, migrating and using a database, and everything that can be wrong with it. */
#include "state/db.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/limits.h"
#include "state/lock_file.h"
#include "state/test_home.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

static const struct db_migration steps[] = {
	{1, "create_things", "CREATE TABLE things (name TEXT PRIMARY KEY, count INTEGER)"},
	{2, "create_more", "CREATE TABLE more (x); INSERT INTO more VALUES (1)"},
};
static const struct db_migration broken_steps[] = {
	{1, "create_things", "never run"},
	{2, "drop_things", "DROP TABLE things; CREATE TABLE more (x)"},
	{3, "broken", "CREATE TABLE extra (x); INSERT INTO nowhere VALUES (1)"},
};
static const struct db_module first = {"test", steps, 1};
static const struct db_module second = {"test", steps, 2};
static const struct db_module broken = {"test", broken_steps, 3};

static int test_open(const char *path, const struct db_module *module, struct db **ret_db,
		     struct err *err)
{
	const struct db_spec spec = {path, "use another place", module, 1, 100};

	return db_open(&spec, ret_db, err);
}

static int64_t number(struct db *db, const char *sql)
{
	AUTO(db_query_done) struct db_query query = {0};
	struct err err;

	if (db_select(db, sql, NULL, 0, &query, &err) < 0 || db_next(&query, &err) != 1)
		return -1;
	return db_column_int(&query, 0);
}

static int add(struct db *db, const char *name, struct err *err)
{
	return db_run(db, "INSERT INTO things VALUES (?, ?)", DB_VALUES(db_text(name), db_int(1)),
		      err);
}

static unsigned mode_of(const char *dir, const char *name)
{
	AUTO_FREE char *path = path_join(dir, name);
	struct stat st;

	return stat(path, &st) < 0 ? 0 : st.st_mode & 07777;
}

static void test_files(const char *home)
{
	AUTO_FREE char *path = path_join(home, "a/b/t.db");
	AUTO(auto_db) struct db *db = NULL;
	struct err err = {0};

	TEST("directory, database and lock are made for the user alone");
	CHECK(test_open(path, &first, &db, &err) == 0);
	CHECK_STR(err.msg, "");
	CHECK(mode_of(home, "a/b") == 0700);
	CHECK(mode_of(home, "a/b/t.db") == 0600);
	CHECK(mode_of(home, "a/b/t.db-wal") == 0600);
	CHECK(mode_of(home, "a/b/t.db.init.lock") == 0600);
	CHECK(mode_of(home, "a/b/t.db.premigrate.bak") == 0);
	CHECK(number(db, "SELECT count(*) FROM schema_migrations WHERE module = 'test'"
			 " AND version = 1 AND name = 'create_things'") == 1);
	CHECK(number(db, "PRAGMA foreign_keys") == 1);
	CHECK(number(db, "PRAGMA synchronous") == 1);
}

static void test_statements(struct db *db)
{
	AUTO_FREE char *big = xcalloc(1, LIMIT_DB_VALUE + 1);
	struct err err = {0};

	TEST("a change is undone unless it is committed");
	{
		AUTO(db_rollback) struct db *change = NULL;

		CHECK(db_begin(db, &change, &err) == 0 && add(db, "lost", &err) == 0);
	}
	CHECK(number(db, "SELECT count(*) FROM things") == 0);
	{
		AUTO(db_rollback) struct db *change = NULL;

		CHECK(db_begin(db, &change, &err) == 0 && add(db, "kept", &err) == 0);
		CHECK(db_commit(&change, &err) == 0);
	}
	CHECK(number(db, "SELECT count(*) FROM things") == 1);

	TEST("a row that exists is a conflict, a value too large is over a limit");
	CHECK(add(db, "kept", &err) < 0 && err.code == ERR_CONFLICT);
	memset(big, 'x', LIMIT_DB_VALUE);
	CHECK(add(db, big, &err) < 0 && err.code == ERR_LIMIT);
}

static void test_migrations(const char *path)
{
	AUTO(auto_db) struct db *old = NULL;
	AUTO(auto_db) struct db *new = NULL;
	AUTO_FREE char *backup = xasprintf("%s.premigrate.bak", path);
	struct err err = {0};

	TEST("a migration that fails changes nothing, for those who have it open neither");
	CHECK(test_open(path, &first, &old, &err) == 0 && add(old, "one", &err) == 0);
	CHECK(test_open(path, &broken, &new, &err) < 0);
	CHECK(strstr(err.msg, "migration test 3 (broken)") && strstr(err.msg, "nowhere"));
	CHECK(access(backup, F_OK) < 0);
	CHECK(add(old, "two", &err) == 0);
	CHECK(number(old, "SELECT count(*) FROM things") == 2);
	CHECK(number(old, "SELECT count(*) FROM schema_migrations") == 1);
	CHECK(number(old, "SELECT count(*) FROM sqlite_master WHERE name IN ('more', 'extra')") ==
	      0);

	TEST("a migration that works keeps the rows; what an earlier crash left is replaced");
	CHECK(fd_write_file(AT_FDCWD, backup, "junk", 4, 0600, &err) == 0);
	CHECK(test_open(path, &second, &new, &err) == 0);
	CHECK(number(new, "SELECT count(*) FROM things") == 2);
	CHECK(number(new, "SELECT count(*) FROM schema_migrations") == 2);
	CHECK(access(backup, F_OK) < 0);

	TEST("a migration runs once");
	db_free(STEAL(new));
	CHECK(test_open(path, &second, &new, &err) == 0);
	CHECK(number(new, "SELECT count(*) FROM more") == 1);

	TEST("a migration whose copy cannot be made is not run");
	db_free(STEAL(new));
	CHECK(mkdir(backup, 0700) == 0);
	CHECK(db_run(old, "DELETE FROM schema_migrations WHERE version = 2", NULL, 0, &err) == 0);
	CHECK(test_open(path, &second, &new, &err) < 0);
	CHECK(strstr(err.msg, "backup before migration"));
	CHECK(number(old, "SELECT count(*) FROM schema_migrations") == 1);
	rmdir(backup);
}

/* In a child: the database is locked. */
static void expect_locked(void *path)
{
	AUTO(auto_db) struct db *db = NULL;
	struct err err = {0};

	CHECK(test_open(path, &first, &db, &err) == 0);
	CHECK(add(db, "locked", &err) < 0 && err.code == ERR_TIMEOUT);
	CHECK(strstr(err.msg, "is locked by another process for more than 1 s: end that process"));
}

static void test_locks(const char *path)
{
	AUTO_FREE char *lock_path = xasprintf("%s.init.lock", path);
	AUTO(auto_db) struct db *holder = NULL;
	AUTO(auto_db) struct db *other = NULL;
	AUTO(db_rollback) struct db *change = NULL;
	AUTO_FD int lock = -1;
	struct err err = {0};

	TEST("a locked database is given up after the time, with the remedy");
	CHECK(test_open(path, &first, &holder, &err) == 0);
	CHECK(db_begin(holder, &change, &err) == 0);
	CHECK(test_wait(test_fork(expect_locked, (void *)path)) == 0);

	TEST("a second handle of one process does not break the first one's lock");
	CHECK(test_open(path, &first, &other, &err) == 0);
	db_free(STEAL(other));
	CHECK(test_wait(test_fork(expect_locked, (void *)path)) == 0);

	TEST("so is a lock of the first opening that nobody lets go");
	CHECK(lock_file_acquire(lock_path, 0, &lock, &err) == 0);
	CHECK(test_open(path, &first, &other, &err) < 0 && err.code == ERR_TIMEOUT);
	CHECK(strstr(err.msg, "t.db.init.lock' is locked by another process"));
}

/* Reads the file that the error says a damaged one was kept as; it must be the only news. */
static void read_kept(const struct err *err, const char *path, struct buf *after)
{
	AUTO_FREE char *start = xasprintf("database '%s' is damaged: it was kept as '", path);
	AUTO_FREE char *kept = NULL;
	struct err read_err;

	CHECK(strncmp(err->msg, start, strlen(start)) == 0);
	kept = xstrndup(err->msg + strlen(start), strcspn(err->msg + strlen(start), "'"));
	CHECK(fd_read_file(AT_FDCWD, kept, after, &read_err) == 0);
	CHECK(access(path, F_OK) < 0);
}

static void test_damaged(const char *path)
{
	static const char text[] = "This is no database, but it may be dear to somebody.\n";
	AUTO(auto_db) struct db *db = NULL;
	AUTO_BUF struct buf after = BUF_INIT(4096);
	AUTO_FD int fd = -1;
	struct err err = {0};
	char junk[4096];

	TEST("a file that is no database is kept under a name that the error tells");
	CHECK(fd_write_file(AT_FDCWD, path, text, sizeof(text) - 1, 0600, &err) == 0);
	CHECK(test_open(path, &first, &db, &err) < 0 && err.code == ERR_IO);
	read_kept(&err, path, &after);
	CHECK_STR(after.ptr, text);

	TEST("the next opening makes a new one; one with a damaged page is told, too");
	CHECK(test_open(path, &first, &db, &err) == 0 && add(db, "one", &err) == 0);
	CHECK(db_run(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, 0, &err) == 0);
	db_free(STEAL(db));
	memset(junk, 0x5a, sizeof(junk));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	for (off_t at = 4096; at < lseek(fd, 0, SEEK_END); at += (off_t)sizeof(junk))
		CHECK(pwrite(fd, junk, sizeof(junk), at) == (ssize_t)sizeof(junk));
	CHECK(test_open(path, &first, &db, &err) < 0 || add(db, "two", &err) < 0);
	CHECK(err.code == ERR_IO && strstr(err.msg, "is damaged"));
}

/* In a child, which becomes an ordinary user when it is root. */
static void expect_denied(void *home)
{
	AUTO_FREE char *in_dir = path_join(home, "ro/t.db");
	AUTO_FREE char *below = path_join(home, "ro/new/t.db");
	AUTO_FREE char *file = path_join(home, "ro-file/t.db");
	AUTO(auto_db) struct db *db = NULL;
	struct err err = {0};

	CHECK(geteuid() != 0 ||
	      (setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0));
	CHECK(test_open(in_dir, &first, &db, &err) < 0 && err.code == ERR_DENIED);
	CHECK(strstr(err.msg, "cannot be written (Permission denied): make it and its directory "
			      "writable, or use another place"));
	CHECK(test_open(below, &first, &db, &err) < 0 && err.code == ERR_DENIED);
	CHECK(test_open(file, &first, &db, &err) < 0 || add(db, "x", &err) < 0);
	CHECK(err.code == ERR_DENIED);
	if (err.code != ERR_DENIED)
		printf("# %s\n", err.msg);
}

static void test_denied(const char *home)
{
	AUTO_FREE char *dir = path_join(home, "ro");
	AUTO_FREE char *file = path_join(home, "ro-file/t.db");
	AUTO_FREE char *file_dir = path_join(home, "ro-file");
	AUTO_FREE char *file_lock = xasprintf("%s.init.lock", file);
	AUTO(auto_db) struct db *db = NULL;
	struct err err = {0};

	TEST("a directory or file that may not be written is refused with the remedy");
	CHECK(chmod(home, 0755) == 0 && mkdir(dir, 0555) == 0);
	CHECK(test_open(file, &first, &db, &err) == 0);
	db_free(STEAL(db));
	CHECK(chmod(file_dir, 0777) == 0 && chmod(file, 0444) == 0 && chmod(file_lock, 0666) == 0);
	CHECK(test_wait(test_fork(expect_denied, (void *)home)) == 0);
}

/* In a child with a mount namespace of its own. */
static void expect_full(void *arg)
{
	AUTO_FREE char *dir = path_join(arg, "full");
	AUTO_FREE char *path = path_join(dir, "t.db");
	AUTO_FREE char *ballast = path_join(dir, "ballast");
	AUTO(auto_db) struct db *db = NULL;
	AUTO_FD int fd = -1;
	struct err err = {0};
	char name[1024], junk[4096] = {1};
	int64_t count = 0;

	CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mkdir(dir, 0700) == 0 && mount("tmpfs", dir, "tmpfs", 0, "size=2m") == 0);
	fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, junk, sizeof(junk)) > 0)
		;
	CHECK(test_open(path, &first, &db, &err) < 0 && err.code == ERR_UNAVAILABLE);
	CHECK(strstr(err.msg, "no space left: free some and try again"));
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(test_open(path, &first, &db, &err) == 0);
	memset(name, 'n', sizeof(name));
	do
		snprintf(name + 1000, sizeof(name) - 1000, "%ld", (long)++count);
	while (add(db, name, &err) == 0);
	CHECK(err.code == ERR_UNAVAILABLE && err.sys == ENOSPC);
	CHECK(count > 50);
	CHECK(number(db, "SELECT count(*) FROM things") == count - 1);
}

static void test_full(const char *home)
{
	TEST("a full disk loses no row");
	if (geteuid() != 0) {
		SKIP("mounting a small file system needs root");
		return;
	}
	CHECK(test_wait(test_fork(expect_full, (void *)home)) == 0);
}

int main(void)
{
	char *home = test_home_new();
	AUTO_FREE char *path = path_join(home, "t.db");
	AUTO_FREE char *damaged = path_join(home, "damaged.db");
	AUTO_FREE char *migrated = path_join(home, "migrated.db");
	struct db *db = NULL;
	struct err err = {0};

	test_files(home);
	if (test_open(path, &first, &db, &err) < 0)
		abort();
	test_statements(db);
	db_free(db);
	test_migrations(migrated);
	test_locks(path);
	test_damaged(damaged);
	test_denied(home);
	test_full(home);
	test_home_done(home);
	return tap_done();
}
