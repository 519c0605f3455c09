// SPDX-License-Identifier: MIT
/*
 * The image worker's jail from the inside: this program starts itself with the table that the
 * worker is started with, and tries what a decoder that has been taken over would try.  As root
 * and, when that is possible, as an ordinary user.
 */
#include "image/worker_jail.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#define INSIDE "in-the-jail"

enum { BLOBS_FD = 3, ALLOWED_PORT = 9, OTHER_PORT = 10, ORDINARY_UID = 1000 };

/* --- inside --- */

/* One line: what was tried, and how it ended. */
static void tell(const char *what, long rc)
{
	const char *name = rc < 0 ? strerrorname_np(errno) : "ok";

	dprintf(STDOUT_FILENO, "%s %s\n", what, name);
}

static int connect_to(int port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons((uint16_t)port),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, (const struct sockaddr *)&address, sizeof(address));
}

static int look_up(void)
{
	struct addrinfo *found = NULL;
	int rc = getaddrinfo("localhost", "80", NULL, &found);

	if (rc == 0)
		freeaddrinfo(found);
	return rc == 0 ? 0 : -1;
}

static void *thread(void *arg)
{
	return arg;
}

static int start_thread(void)
{
	pthread_t id;
	int rc = pthread_create(&id, NULL, thread, NULL);

	if (rc == 0)
		pthread_join(id, NULL);
	return rc == 0 ? 0 : -1;
}

/* `home` holds .ssh/id. */
static ML_NORETURN void inside(const char *home)
{
	AUTO_FREE char *key = xasprintf("%s/.ssh/id", home);
	AUTO_FREE char *mine = xasprintf("%s/mine", home);
	int pair[2];

	tell("write a blob", openat(BLOBS_FD, "a.tmp", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
	tell("name a blob", renameat(BLOBS_FD, "a.tmp", BLOBS_FD, "a.erofs"));
	tell("remove a blob", unlinkat(BLOBS_FD, "a.erofs", 0));
	tell("read CA files", open("/etc/ssl/certs", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	tell("look up a name", look_up());
	tell("start a thread", start_thread());
	tell("connect to the registry", connect_to(ALLOWED_PORT));
	tell("connect elsewhere", connect_to(OTHER_PORT));
	tell("read the key", open(key, O_RDONLY | O_CLOEXEC));
	tell("list the home", open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	tell("read passwd", open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	tell("list devices", open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	tell("write elsewhere", open(mine, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	tell("leave the folder", openat(BLOBS_FD, "../.ssh/id", O_RDONLY | O_CLOEXEC));
	tell("link in", linkat(AT_FDCWD, key, BLOBS_FD, "key", 0));
	tell("symlink", symlinkat(key, BLOBS_FD, "key"));
	tell("make a folder", mkdirat(BLOBS_FD, "folder", 0700));
	tell("chmod", syscall(SYS_fchmodat, AT_FDCWD, home, 0777));
	tell("Unix socket", socket(AF_UNIX, SOCK_STREAM, 0));
	tell("Unix datagram pair", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	tell("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
	tell("fork", syscall(SYS_fork));
	tell("kill the parent", kill(getppid(), 0));
	tell("execute", confine_to_self(&(struct err){0}) < 0 ? -1 : execl("/bin/true", "", NULL));
	_exit(0); /* a sanitizer that looks for leaks would have to fork */
}

static const char want[] = "write a blob ok\n"
			   "name a blob ok\n"
			   "remove a blob ok\n"
			   "read CA files ok\n"
			   "look up a name ok\n"
			   "start a thread ok\n"
			   "connect to the registry ECONNREFUSED\n"
			   "connect elsewhere EACCES\n"
			   "read the key EACCES\n"
			   "list the home EACCES\n"
			   "read passwd EACCES\n"
			   "list devices EACCES\n"
			   "write elsewhere EACCES\n"
			   "leave the folder EACCES\n"
			   "link in EXDEV\n"
			   "symlink EACCES\n"
			   "make a folder EACCES\n"
			   "chmod EPERM\n"
			   "Unix socket EPERM\n"
			   "Unix datagram pair EPERM\n"
			   "netlink EPERM\n"
			   "fork EPERM\n"
			   "kill the parent EPERM\n"
			   "execute EPERM\n";

/* --- outside --- */

/* Runs inside() in the jail; 0 when it said what it should. */
static int try_all(char *program, char *home)
{
	AUTO_FREE char *blobs_path = xasprintf("%s/blobs", home);
	AUTO_FD int blobs = open(blobs_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), in = -1, out = -1;
	AUTO_BUF struct buf said = BUF_INIT(8192);
	char word[] = INSIDE, *argv[] = {program, word, home, NULL};
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc proc = PROC_INIT;
	struct worker_jail jail;
	struct err err = {0};
	int fds[2], status = -1;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return 1;
	in = fds[0];
	out = fds[1];
	worker_jail_init(&jail, program, blobs_path, NULL);
	worker_jail_add_port(&jail, ALLOWED_PORT);
	worker_jail_use(&jail, &spec);
	spec.argv = argv;
	spec.stdout_fd = out;
	spec.stderr_fd = STDERR_FILENO;
	spec.fds = &blobs;
	spec.fd_count = 1;
	if (proc_start(&spec, &proc, &err) < 0) {
		printf("# %s\n", err.msg);
		return 1;
	}
	close(STEAL_FD(out));
	if (fd_read_to_end(in, &said, "output", &err) < 0 ||
	    proc_wait(&proc, -1, &status, &err) < 0)
		return 1;
	if (status == 0 && strcmp(said.ptr, want) == 0)
		return 0;
	for (char *line = strtok(said.ptr, "\n"); line; line = strtok(NULL, "\n"))
		printf("# %s\n", line);
	printf("# status %d\n", status);
	return 1;
}

/* The same in a child with another uid. */
static int try_as(uid_t uid, char *program, char *home)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (syscall(SYS_setresgid, uid, uid, uid) < 0 ||
		    syscall(SYS_setresuid, uid, uid, uid) < 0)
			_exit(2);
		status = try_all(program, home);
		fflush(stdout);
		_exit(status);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}

static char *make_home(uid_t uid)
{
	char *home = xstrdup("/tmp/matchlock-jail.XXXXXX");
	AUTO_FREE char *ssh = NULL, *key = NULL, *blobs = NULL, *program = NULL;
	AUTO_FD int fd = -1;

	CHECK(mkdtemp(home) != NULL);
	ssh = path_join(home, ".ssh");
	key = path_join(home, ".ssh/id");
	blobs = path_join(home, "blobs");
	program = path_join(home, "program");
	CHECK(mkdir(ssh, 0700) == 0 && mkdir(blobs, 0700) == 0);
	fd = open(key, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	if (geteuid() == 0)
		CHECK(chown(home, uid, uid) == 0 && chown(ssh, uid, uid) == 0 &&
		      chown(key, uid, uid) == 0 && chown(blobs, uid, uid) == 0);
	return home;
}

/* A copy of this program that `uid` may execute. */
static char *copy_program(const char *home)
{
	AUTO_FD int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = -1;
	char *path = path_join(home, "program");
	struct err err = {0};

	to = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	CHECK(to >= 0 && fd_copy_sparse(from, to, path, &err) == 0);
	return path;
}

static void check_as(uid_t uid)
{
	AUTO_FREE char *home = make_home(uid);
	AUTO_FREE char *program = copy_program(home);
	struct err err = {0};

	CHECK(try_as(uid, program, home) == 0);
	CHECK(path_remove_tree(home, &err) == 0);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], INSIDE) == 0)
		inside(argv[2]);
	TEST("a taken-over worker reaches its folder and its registry, nothing else");
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 4) {
		SKIP("this kernel's Landlock knows no network");
		return tap_done();
	}
	check_as(geteuid());
	TEST("the same as an ordinary user");
	if (geteuid() == 0)
		check_as(ORDINARY_UID);
	else
		SKIP("that was one");
	return tap_done();
}
