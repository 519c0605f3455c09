// SPDX-License-Identifier: MIT
/*
 * net RULES: the sealed network of a VM as a thing of the system.  The packet filter is the one in
 * the file RULES, inside are two devices and no way out, nothing is left when the descriptors are
 * closed or their holder is killed, and a host that cannot have it says why.  (What goes through
 * it: net_traffic.c.)  Run by root it does all of it twice: as root and as an ordinary user.
 */
#include "net/net.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "net_tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>

enum { MTU = 1500, GONE_MS = 20000 };

static const char *rules_path;

static bool open_net(struct net *ret_net)
{
	struct err err = {0};

	if (net_open(MTU, ret_net, &err) == 0)
		return true;
	printf("# %s\n", err.msg);
	CHECK(false);
	return false;
}

/* Runs a shell script in a network namespace (of `netns_fd`, or a fresh one if -1), and gives what
 * it says.  By the way that a process of the same user has: root of the namespace's owner. */
static void enter_and_run(int netns_fd, const char *script)
{
	struct err err;
	int userns_fd;

	if (netns_fd < 0) {
		if (proc_unshare(CLONE_NEWNET, &err) < 0)
			_exit(1);
	} else {
		userns_fd = ioctl(netns_fd, NS_GET_USERNS);
		if (userns_fd < 0 || setns(userns_fd, CLONE_NEWUSER) < 0 ||
		    setns(netns_fd, CLONE_NEWNET) < 0)
			_exit(1);
	}
	/* /proc/net and /proc/sys/net are those of the reader: no need to mount anything. */
	execl("/bin/sh", "sh", "-c", script, (char *)NULL);
	_exit(1);
}

static char *run_inside(int netns_fd, const char *script)
{
	struct buf text = BUF_INIT(65536);
	struct err err;
	int fds[2], status = 1;
	pid_t child;

	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	child = fork();
	if (child == 0) {
		setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		enter_and_run(netns_fd, script);
	}
	close(fds[1]);
	CHECK(fd_read_to_end(fds[0], &text, "output", &err) == 0);
	close(fds[0]);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	if (status != 0)
		printf("# %s\n", text.ptr);
	buf_puts(&text, "");
	return text.len ? buf_steal(&text, NULL) : xstrdup("");
}

static void check_rules(int netns_fd)
{
	AUTO_FREE char *script = xasprintf("nft -f '%s' && nft list ruleset", rules_path);
	AUTO_FREE char *want = run_inside(-1, script);
	AUTO_FREE char *got = run_inside(netns_fd, "nft list ruleset");

	TEST("the packet filter is the one of the file");
	CHECK(strstr(got, "tproxy ip to :1 "));
	CHECK_STR(got, want);
}

static void check_devices(int netns_fd)
{
	AUTO_FREE char *links = run_inside(netns_fd, "ip -o link show up | cut -d: -f2");
	AUTO_FREE char *routes = run_inside(netns_fd, "ip route show");
	AUTO_FREE char *addresses = run_inside(netns_fd, "ip -o addr | awk '{print $2, $4}'");

	TEST("inside are loopback and the TAP, IPv4 only, and no route to anywhere");
	CHECK_STR(links, " lo\n tap0\n");
	CHECK_STR(routes, "100.64.0.0/30 dev tap0 proto kernel scope link src 100.64.0.1 \n");
	CHECK_STR(addresses, "lo 127.0.0.1/8\ntap0 100.64.0.1/30\n");
}

static void check_settings(int netns_fd)
{
	static const char script[] =
		"cd /proc/sys/net/ipv4 && cat ip_forward icmp_echo_ignore_all && cat "
		"conf/{all,default,tap0}/{route_localnet,accept_source_route,proxy_arp,rp_filter}";
	AUTO_FREE char *command = xasprintf("bash -c '%s' | tr -d '\\n'", script);
	AUTO_FREE char *got = run_inside(netns_fd, command);

	TEST("no setting of the host's holds inside");
	CHECK_STR(got, "01000100010001");
}

/* A process that is, like QEMU, in a user namespace of its own. */
static int vmm_holds(int tap_fd)
{
	struct err err;

	if (proc_unshare(CLONE_NEWNET, &err) < 0)
		return 1;
	return ioctl(tap_fd, SIOCGSKNS) < 0 && errno == EPERM ? 0 : 2;
}

static void check_vmm(const struct net *net)
{
	int status = 1;
	pid_t child;

	TEST("the TAP is no key to the namespace for who is in another one");
	child = fork();
	if (child == 0)
		_exit(vmm_holds(net->tap_fd));
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void check_inside(void)
{
	struct net net = NET_INIT;
	AUTO_FD int netns_fd = -1;

	TEST("a sealed network");
	if (!open_net(&net))
		return;
	for (size_t i = 0; i < 3; i++) {
		int fd = (int[]){net.tap_fd, net.tcp_fd, net.udp_fd}[i];

		CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_NONBLOCK));
	}
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	netns_fd = ioctl(net.tcp_fd, SIOCGSKNS);
	CHECK(netns_fd >= 0);
	check_rules(netns_fd);
	check_devices(netns_fd);
	check_settings(netns_fd);
	check_vmm(&net);
	net_close(&net);
}

/* ---- what is left ---- */

/* In a user namespace that allows only so many network namespaces at once, which counts them. */
static void limit_namespaces(const char *name, const char *value)
{
	struct err err = {0};
	AUTO_FREE char *path = xasprintf("/proc/sys/user/%s", name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || fd_write_all(fd, value, strlen(value), path, &err) < 0)
		_exit(11);
}

enum { HELD = 3 };

/* The kernel removes namespaces a little after their end, so that the limit is met at first. */
static bool open_held(struct net nets[HELD])
{
	uint64_t end = clock_monotonic_ms() + GONE_MS;
	struct err err;

	for (int i = 0; i < HELD; i++) {
		while (net_open(MTU, &nets[i], &err) < 0) {
			if (clock_monotonic_ms() > end)
				return false;
			usleep(20000);
		}
	}
	return true;
}

static void hold_until_killed(int ready_fd)
{
	struct net nets[HELD];

	if (!open_held(nets))
		_exit(1);
	(void)!write(ready_fd, "", 1);
	pause();
	_exit(1);
}

static int leave_nothing(void)
{
	struct net nets[HELD], more;
	struct err err = {0};
	int ready[2];
	char byte;
	pid_t holder;

	if (proc_unshare(0, &err) < 0)
		return 10;
	limit_namespaces("max_net_namespaces", "3");
	for (int round = 0; round < 3; round++) {
		if (!open_held(nets))
			return 1;
		if (net_open(MTU, &more, &err) == 0 || err.code != ERR_UNAVAILABLE ||
		    !strstr(err.msg, "the host's limit of namespaces is reached"))
			return 2;
		/* What a VMM could do to its TAP does not hold the rest. */
		if (ioctl(nets[0].tap_fd, TUNSETPERSIST, 1) < 0)
			return 6;
		for (int i = 0; i < HELD; i++)
			net_close(&nets[i]);
	}
	if (pipe2(ready, O_CLOEXEC) < 0)
		return 3;
	holder = fork();
	if (holder == 0)
		hold_until_killed(ready[1]);
	if (read(ready[0], &byte, 1) != 1 || net_open(MTU, &more, &err) == 0)
		return 4;
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	return open_held(nets) ? 0 : 5;
}

/* `fn` in a process of its own: 0 is good. */
static void check_alone(int (*fn)(void), const char *name)
{
	int status = 1;
	pid_t child;

	TEST(name);
	child = fork();
	if (child == 0)
		_exit(fn());
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	if (status != 0)
		printf("# status %d\n", WEXITSTATUS(status));
}

/* ---- where it is not to be had ---- */

static int refused(const char *text)
{
	struct net net = NET_INIT;
	struct err err = {0};

	if (net_open(MTU, &net, &err) == 0)
		return 1;
	if (err.code == ERR_UNAVAILABLE && strstr(err.msg, text))
		return 0;
	printf("# %s\n", err.msg);
	return 2;
}

static int without_namespaces(void)
{
	struct err err;

	if (proc_unshare(0, &err) < 0)
		return 10;
	limit_namespaces("max_user_namespaces", "0");
	return refused("user.max_user_namespaces is 0");
}

static int in_chroot(void)
{
	struct err err;

	if (proc_unshare(0, &err) < 0 || chroot("/usr") < 0)
		return 10;
	return refused("user namespaces are refused here, as in a chroot");
}

static int without_right(void)
{
	make_tun(0600);
	if (setgid(ORDINARY_UID) < 0 || setuid(ORDINARY_UID) < 0)
		return 10;
	return refused("this user may not open /dev/net/tun; 'sudo matchlock setup linux'");
}

static int without_node(void)
{
	make_tun(0);
	return refused("this host has no /dev/net/tun; 'sudo matchlock setup linux'");
}

static void check_refusals(void)
{
	struct net net = NET_INIT;
	struct err err = {0};

	check_alone(without_namespaces, "no user namespaces: the error names the lock");
	check_alone(in_chroot, "in a chroot: the error says so");
	if (geteuid() == 0) {
		check_alone(without_right,
			    "a /dev/net/tun of root's: the error says how to open it");
		check_alone(without_node, "no /dev/net/tun: the error says how to get it");
	}

	TEST("an MTU that no TAP has");
	CHECK(net_open(67, &net, &err) < 0 && err.code == ERR_INVALID);
	CHECK(net_open(65522, &net, &err) < 0 && err.code == ERR_INVALID);
	CHECK_STR(err.msg, "network: the MTU must be 68 to 65521, not 65522");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	rules_path = argv[1];
	if (geteuid() == 0)
		run_as_tun_user(argc, argv);
	check_refusals();
	if (access(TUN_NODE, R_OK | W_OK) < 0) {
		TEST("a sealed network");
		SKIP("this user may not open " TUN_NODE);
		return tap_done();
	}
	check_inside();
	check_alone(leave_nothing, "closed or killed, all of it goes");
	return tap_done();
}
