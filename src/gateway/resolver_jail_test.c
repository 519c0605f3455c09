// SPDX-License-Identifier: MIT
/*
 * The resolver's jail from the inside: this program starts itself with the table that the resolver
 * is started with, and tries what one that has been taken over would try.  As root and, when that
 * is possible, as an ordinary user.
 */
#include "gateway/resolver_jail.h"

#include "base/auto.h"
#include "base/both_users.h"
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
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define INSIDE "in-the-jail"

enum { OTHER_PORT = 443, DNS_PORT = 53 };

/* --- inside --- */

/* One line: what was tried, and how it ended. */
static void tell(const char *what, long rc)
{
	const char *name = rc < 0 ? strerrorname_np(errno) : "ok";

	dprintf(STDOUT_FILENO, "%s %s\n", what, name);
}

static int connect_to(int type, int port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons((uint16_t)port),
					    .sin_addr.s_addr = inet_addr("127.9.9.9")};
	AUTO_FD int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	return connect(fd, (const struct sockaddr *)&address, sizeof(address));
}

static int bind_port(void)
{
	const struct sockaddr_in any = {.sin_family = AF_INET};
	AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return bind(fd, (const struct sockaddr *)&any, sizeof(any));
}

static int look_up(void)
{
	struct addrinfo *found = NULL;
	int rc = getaddrinfo("localhost", NULL, NULL, &found);

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

static ML_NORETURN void inside(void)
{
	int pair[2];

	tell("look up a name", look_up());
	tell("start a thread", start_thread());
	tell("read resolv.conf", open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC));
	tell("ask by UDP", connect_to(SOCK_DGRAM, DNS_PORT));
	tell("ask by TCP", connect_to(SOCK_STREAM, DNS_PORT));
	tell("connect elsewhere", connect_to(SOCK_STREAM, OTHER_PORT));
	tell("bind", bind_port());
	tell("Unix socket", socket(AF_UNIX, SOCK_STREAM, 0));
	tell("Unix pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	tell("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
	tell("packets", socket(AF_PACKET, SOCK_RAW, 0));
	tell("read passwd", open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	tell("list /tmp", open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	tell("write /tmp", open("/tmp/matchlock-mine", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	tell("write resolv.conf", open("/etc/resolv.conf", O_WRONLY | O_CLOEXEC));
	tell("truncate", truncate("/etc/resolv.conf", 0));
	tell("chmod", syscall(SYS_fchmodat, AT_FDCWD, "/tmp", 0777));
	tell("fork", syscall(SYS_fork));
	tell("kill the parent", kill(getppid(), 0));
	tell("execute", confine_to_self(&(struct err){0}) < 0 ? -1 : execl("/bin/true", "", NULL));
	_exit(0); /* a sanitizer that looks for leaks would have to fork */
}

static const char want[] = "look up a name ok\n"
			   "start a thread ok\n"
			   "read resolv.conf ok\n"
			   "ask by UDP ok\n"
			   "ask by TCP ECONNREFUSED\n"
			   "connect elsewhere EACCES\n"
			   "bind EPERM\n"
			   "Unix socket EPERM\n"
			   "Unix pair EPERM\n"
			   "netlink EPERM\n"
			   "packets EPERM\n"
			   "read passwd EACCES\n"
			   "list /tmp EACCES\n"
			   "write /tmp EACCES\n"
			   "write resolv.conf EACCES\n"
			   "truncate EPERM\n"
			   "chmod EPERM\n"
			   "fork EPERM\n"
			   "kill the parent EPERM\n"
			   "execute EPERM\n";

/* --- outside --- */

static void check_all(void)
{
	AUTO_FREE char *program = NULL;
	AUTO_FD int in = -1, out = -1;
	AUTO_BUF struct buf said = BUF_INIT(8192);
	char word[] = INSIDE, *argv[] = {NULL, word, NULL};
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc proc = PROC_INIT;
	struct resolver_jail jail;
	struct err err = {0};
	int fds[2], status = -1;

	CHECK(path_program(&program, &err) == 0 && pipe2(fds, O_CLOEXEC) == 0);
	argv[0] = program;
	in = fds[0];
	out = fds[1];
	resolver_jail_init(&jail, program);
	resolver_jail_use(&jail, &spec);
	spec.argv = argv;
	spec.stdout_fd = out;
	spec.stderr_fd = STDERR_FILENO;
	CHECK(proc_start(&spec, &proc, &err) == 0);
	CHECK_STR(err.msg, "");
	close(STEAL_FD(out));
	CHECK(fd_read_to_end(in, &said, "output", &err) == 0);
	CHECK(proc_wait(&proc, -1, &status, &err) == 0 && status == 0);
	CHECK_STR(said.ptr, want);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], INSIDE) == 0)
		inside();
	TEST("a resolver that was taken over asks name servers, and nothing else");
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 4) {
		SKIP("this kernel's Landlock knows no network");
		return tap_done();
	}
	check_all();
	if (geteuid() == 0)
		run_as_user(argc, argv);
	return tap_done();
}
