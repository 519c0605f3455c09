// SPDX-License-Identifier: MIT
/*
 * The gateway's jail from the inside: this program starts itself with the table that the gateway is
 * started with, and tries what one that has been taken over would try.  As root and, when that is
 * possible, as an ordinary user.
 */
#include "gateway/jail.h"

#include "base/auto.h"
#include "base/both_users.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define INSIDE "in-the-jail"

enum { CLOSED_PORT = 443, OLD_IPTABLES = 64 /* IPT_SO_SET_REPLACE */ };

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
					    .sin_addr.s_addr = inet_addr("127.9.9.9")};
	AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, (const struct sockaddr *)&address, sizeof(address));
}

static int bind_port(void)
{
	const struct sockaddr_in any = {.sin_family = AF_INET};
	AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return bind(fd, (const struct sockaddr *)&any, sizeof(any));
}

static void use_socket(void)
{
	AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ifreq device = {.ifr_name = "lo"};
	const int value = 0x10;

	tell("no delay", setsockopt(fd, IPPROTO_TCP, 1, &value, sizeof(value)));
	tell("an option of IP", setsockopt(fd, IPPROTO_IP, IP_TOS, &value, sizeof(value)));
	tell("iptables", setsockopt(fd, IPPROTO_IP, OLD_IPTABLES, &value, sizeof(value)));
	tell("see a device", ioctl(fd, SIOCGIFINDEX, &device));
	tell("the socket's namespace", ioctl(fd, SIOCGSKNS));
}

/* As the audit is open: for nothing but more lines. */
static void use_file(void)
{
	const struct {
		int16_t type, whence;
		int64_t start, len;
		int32_t spare[6];
	} all = {.len = 1};
	AUTO_FD int fd = memfd_create("audit", MFD_CLOEXEC);

	tell("append", fcntl(fd, F_GETFL) < 0 ? -1 : write(fd, "x", 1));
	tell("cut", ftruncate(fd, 0));
	tell("make a hole", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1));
	tell("... by ioctl", ioctl(fd, _IOW('X', 43, all), &all)); /* FS_IOC_UNRESVSP64 */
	tell("write in the middle", fcntl(fd, F_SETFL, 0));
}

static void use_processes(void)
{
	struct rlimit limit;

	tell("keep to itself", confine_to_self(&(struct err){0}));
	tell("fork", syscall(SYS_fork));
	tell("kill the parent", kill(getppid(), 0));
	tell("signal its thread", syscall(SYS_tgkill, getppid(), getppid(), 0));
	tell("limit it", prlimit(getppid(), RLIMIT_CPU, NULL, &limit));
	tell("know its own limit", prlimit(0, RLIMIT_CPU, NULL, &limit));
	tell("execute", execl("/bin/true", "", NULL));
	tell("execute memory",
	     syscall(SYS_execveat, memfd_create("x", 0), "", environ, environ, AT_EMPTY_PATH));
}

static ML_NORETURN void inside(void)
{
	int pair[2];

	tell("connect", connect_to(CLOSED_PORT));
	tell("bind", bind_port());
	tell("Unix socket", socket(AF_UNIX, SOCK_STREAM, 0));
	tell("Unix pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	tell("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
	tell("packets", socket(AF_PACKET, SOCK_RAW, 0));
	tell("raw", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	tell("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
	use_socket();
	use_file();
	tell("read passwd", open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	tell("write /tmp", open("/tmp/matchlock-mine", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	use_processes();
	_exit(0); /* a sanitizer that looks for leaks would have to fork */
}

static const char want[] = "connect ECONNREFUSED\n"
			   "bind EPERM\n"
			   "Unix socket EPERM\n"
			   "Unix pair EPERM\n"
			   "netlink EPERM\n"
			   "packets EPERM\n"
			   "raw EPERM\n"
			   "io_uring ENOSYS\n"
			   "no delay ok\n"
			   "an option of IP EPERM\n"
			   "iptables EPERM\n"
			   "see a device EPERM\n"
			   "the socket's namespace EPERM\n"
			   "append ok\n"
			   "cut EPERM\n"
			   "make a hole EPERM\n"
			   "... by ioctl EPERM\n"
			   "write in the middle EPERM\n"
			   "read passwd EACCES\n"
			   "write /tmp EACCES\n"
			   "keep to itself ok\n"
			   "fork EPERM\n"
			   "kill the parent EPERM\n"
			   "signal its thread EPERM\n"
			   "limit it EPERM\n"
			   "know its own limit ok\n"
			   "execute EPERM\n"
			   "execute memory EPERM\n";

/* --- outside --- */

static void check_all(char *program)
{
	AUTO_FD int in = -1, out = -1;
	AUTO_BUF struct buf said = BUF_INIT(8192);
	char word[] = INSIDE, *argv[] = {program, word, NULL};
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc proc = PROC_INIT;
	struct gateway_jail jail;
	struct err err = {0};
	int fds[2], status = -1;

	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	in = fds[0];
	out = fds[1];
	gateway_jail_init(&jail, program);
	gateway_jail_use(&jail, &spec);
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
	AUTO_FREE char *program = NULL;
	struct err err;

	if (argc == 2 && strcmp(argv[1], INSIDE) == 0)
		inside();
	TEST("a gateway that was taken over connects to the Internet, and nothing else");
	CHECK(path_program(&program, &err) == 0);
	check_all(program);
	if (geteuid() == 0)
		run_as_user(argc, argv);
	return tap_done();
}
