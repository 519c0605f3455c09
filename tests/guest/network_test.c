// SPDX-License-Identifier: MIT
/*
 * The guest's network card: network_test KERNEL INITRAMFS UPPER BASE MODULES PROGRAM DIR, where
 * PROGRAM is net_bulk.  A VM with a TAP of a sealed network, and we in the place of the gateway:
 * what the card looks like in the guest; bytes both ways, and how many a second; another MTU; then
 * a template that is saved with one network and goes on with another.
 */
#include "fixture.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/guest_net.h"
#include "base/tap.h"
#include "net/net.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROGRAM_MAX = 4 << 20, MTU = 1500, OTHER_MTU = 9000, BULK_MB = 128, DEADLINE_MS = 20000 };

/* Any address will do: all of them lead here. */
#define SERVER "93.184.216.34"
#define PORT   "4711"
#define NC     "nc " SERVER " " PORT

static const char looks[] =
	"ip -o addr show eth0; ip route; ip neigh | sed 's/ used.*probes 0//'; "
	"cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu "
	"/sys/class/net/eth0/operstate /sys/class/net/eth0/statistics/tx_packets; "
	"ls /sys/class/net";

static const char look[] =
	"2: eth0    inet " NET_GUEST_ADDRESS "/30 brd 100.64.0.3 scope global eth0\\       "
	"valid_lft forever preferred_lft forever\n"
	"default via " NET_GATEWAY_ADDRESS " dev eth0 \n"
	"100.64.0.0/30 dev eth0 scope link  src " NET_GUEST_ADDRESS " \n"
	"100.64.0.1 dev eth0 lladdr " NET_GATEWAY_MAC " PERMANENT\n" NET_GUEST_MAC
	"\n1500\nup\n0\neth0\nlo";

static struct net open_net(void)
{
	struct net net = NET_INIT;
	struct err err;

	if (net_open(MTU, &net, &err) == 0)
		return net;
	if (err.code != ERR_UNAVAILABLE)
		printf("Bail out! %s\n", err.msg);
	else
		printf("1..0 # SKIP %s\n", err.msg);
	exit(err.code != ERR_UNAVAILABLE);
}

/* --- the place of the gateway --- */

typedef void serve_fn(int sock);

/* A greeting answers the guest's line; both then say nothing more. */
static void serve_greeting(int sock)
{
	char line[64] = "";

	if (read(sock, line, sizeof(line) - 1) <= 0 || strcmp(line, "hello\n") != 0)
		_exit(4);
	if (write(sock, "from outside\n", 13) != 13)
		_exit(5);
}

static void serve_zeros(int sock)
{
	static const char bytes[256 * 1024];

	for (uint64_t sent = 0; sent < (uint64_t)BULK_MB << 20;) {
		ssize_t count = write(sock, bytes, sizeof(bytes));

		if (count <= 0)
			_exit(4);
		sent += (uint64_t)count;
	}
}

static void serve_sink(int sock)
{
	static char bytes[256 * 1024];
	uint64_t got = 0;
	ssize_t count;

	while ((count = read(sock, bytes, sizeof(bytes))) > 0)
		got += (uint64_t)count;
	if (count < 0 || got != (uint64_t)BULK_MB << 20)
		_exit(4);
}

/* A process that takes one connection to SERVER and serves it. */
static pid_t start_server(const struct net *net, serve_fn *serve)
{
	struct sockaddr_in wanted = {0};
	socklen_t size = sizeof(wanted);
	char text[INET_ADDRSTRLEN] = "";
	pid_t child = fork();
	int sock;

	if (child != 0)
		return child;
	if (poll(&(struct pollfd){net->tcp_fd, POLLIN, 0}, 1, DEADLINE_MS) != 1)
		_exit(1);
	sock = accept4(net->tcp_fd, NULL, NULL, SOCK_CLOEXEC);
	if (sock < 0 || getsockname(sock, (struct sockaddr *)&wanted, &size) < 0)
		_exit(2);
	inet_ntop(AF_INET, &wanted.sin_addr, text, sizeof(text));
	if (strcmp(text, SERVER) != 0 || ntohs(wanted.sin_port) != atoi(PORT))
		_exit(3);
	serve(sock);
	_exit(0);
}

static void check_served(pid_t server)
{
	int status = -1;

	CHECK(waitpid(server, &status, 0) == server && status == 0);
	if (status != 0)
		printf("# server: status %#x\n", status);
}

static void check_greeting(struct guest_vm *vm, const struct net *net)
{
	pid_t server = start_server(net, serve_greeting);

	EXPECT(vm, 0, "from outside", "echo hello | " NC);
	check_served(server);
}

static void measure(struct guest_vm *vm, const struct net *net, serve_fn *serve, const char *way)
{
	AUTO_FREE char *bytes = xasprintf("%d", BULK_MB << 20);
	AUTO_FREE char *command = xasprintf("/tmp/net_bulk " SERVER " " PORT " %s %s", way, bytes);
	pid_t server = start_server(net, serve);
	uint64_t start = clock_monotonic_ms(), took;

	EXPECT(vm, 0, bytes, command);
	took = clock_monotonic_ms() - start;
	check_served(server);
	printf("# %s: %.0f MB/s\n", way, BULK_MB * 1048.576 / (double)took);
}

/* --- the tests --- */

/* The guest's driver has agreed to what makes bulk fast and has no control queue. */
static void test_features(struct guest_vm *vm)
{
	static const struct {
		unsigned bit;
		bool wanted;
		const char *name;
	} features[] = {
		{0, true, "csum"},	 {1, true, "guest_csum"},	{7, true, "guest_tso4"},
		{11, true, "host_tso4"}, {15, true, "mrg_rxbuf"},	{16, false, "status"},
		{17, false, "ctrl_vq"},	 {21, false, "guest_announce"},
	};
	const char *bits = guest_vm_output(vm, "cat /sys/class/net/eth0/device/features");

	TEST("offloads are on, what a guest has no use for is off");
	CHECK(strlen(bits) >= 64);
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		printf("# %s\n", features[i].name);
		CHECK((bits[features[i].bit] == '1') == features[i].wanted);
	}
}

static void test_bulk(struct guest_vm *vm, const struct net *net, const char *program)
{
	AUTO_BUF struct buf file = BUF_INIT(PROGRAM_MAX);
	struct err err;

	TEST("every byte arrives, both ways");
	CHECK(fd_read_file(AT_FDCWD, program, &file, &err) == 0);
	EXPECT(vm, 0, "", "cat >/tmp/net_bulk && chmod +x /tmp/net_bulk",
	       .input = {file.ptr, file.len});
	measure(vm, net, serve_zeros, "receive");
	measure(vm, net, serve_sink, "send");
}

static bool set_up_again(struct guest_vm *vm, struct guest_machine *m, uint32_t mtu,
			 char text[GUEST_TEXT])
{
	CHECK(guest_vm_prepare(vm, &(struct agent_prepare){.waiting = false}, text));
	m->spec.setup.mtu = mtu;
	return guest_vm_setup(vm, &m->spec, text);
}

static void test_boot(const struct guest_files *files)
{
	AUTO(guest_machine_done) struct guest_machine m;
	AUTO(net_close) struct net net = open_net();
	char text[GUEST_TEXT];
	struct guest_vm *vm;

	TEST("a booted VM: address, route, neighbour, no IPv6, link up, nothing sent");
	guest_machine_init(&m, files, "network", false);
	m.spec.net_fd = net.tap_fd;
	m.spec.setup.mtu = MTU;
	CHECK(guest_vm_start(&m.spec, &vm, text));
	EXPECT(vm, 0, look, looks);
	test_features(vm);
	TEST("a connection to any address arrives, and knows which it was");
	check_greeting(vm, &net);
	test_bulk(vm, &net, files->program);
	TEST("what is set up again may have another MTU, and keeps route and neighbour");
	CHECK(set_up_again(vm, &m, OTHER_MTU, text));
	EXPECT(vm, 0, "9000", "cat /sys/class/net/eth0/mtu");
	check_greeting(vm, &net);
	TEST("but not none");
	CHECK(!set_up_again(vm, &m, 0, text));
	CHECK_STR(text, "this VM is a clone of one with other disks, CPUs, privileges or network");
	guest_vm_kill(vm);
}

static void test_none(const struct guest_files *files)
{
	AUTO(guest_machine_done) struct guest_machine m;
	char text[GUEST_TEXT];
	struct guest_vm *vm;

	TEST("a VM without a card that is told of a network is refused");
	guest_machine_init(&m, files, "network", false);
	m.spec.setup.mtu = MTU;
	vm = guest_vm_begin(&m.spec);
	CHECK(!guest_vm_setup(vm, &m.spec, text));
	CHECK_STR(text, "the host speaks of a network, the VM has none");
	guest_vm_kill(vm);
}

/* The generic one has no TAP. */
static void save_generic(const struct guest_files *files, struct guest_template *t)
{
	AUTO(guest_machine_done) struct guest_machine m;
	struct guest_vm *vm;
	char text[GUEST_TEXT];

	TEST("a generic template without a network");
	guest_machine_init(&m, files, "network-generic", false);
	m.spec.unplugged = true;
	vm = guest_machine_begin(&m, VM_BOOT_INTO, t->ram_fd, -1);
	CHECK(guest_vm_prepare(vm, &(struct agent_prepare){.waiting = false}, text));
	CHECK(guest_vm_save(vm, t->state_fd));
}

/* Its network is gone with it. */
static void save_image(struct guest_machine *m, const struct guest_template *generic,
		       struct guest_template *t)
{
	AUTO(net_close) struct net net = open_net();
	char text[GUEST_TEXT];
	struct guest_vm *vm;
	struct err err;

	TEST("an image's template, whose card is up on a network of its own");
	CHECK(fd_copy_sparse(generic->ram_fd, t->ram_fd, "RAM", &err) == 0);
	m->spec.net_fd = net.tap_fd;
	m->spec.setup.mtu = MTU;
	vm = guest_machine_begin(m, VM_RESTORE_INTO, t->ram_fd, generic->state_fd);
	CHECK(guest_vm_setup(vm, &m->spec, text));
	EXPECT(vm, 0, look, looks);
	CHECK(guest_vm_prepare(vm, &(struct agent_prepare){.waiting = true}, text));
	CHECK(guest_vm_save(vm, t->state_fd));
}

static void test_clone(const struct guest_files *files, const char *seed,
		       const struct guest_template *t)
{
	AUTO(guest_machine_done) struct guest_machine m;
	AUTO(net_close) struct net net = open_net();
	char text[GUEST_TEXT];
	struct guest_vm *vm;

	TEST("a clone goes on with a network of its own, and has sent nothing");
	guest_machine_init(&m, files, "network-clone", false);
	guest_copy(seed, m.upper);
	m.spec.net_fd = net.tap_fd;
	m.spec.setup.mtu = MTU;
	vm = guest_machine_begin(&m, VM_RESTORE, t->ram_fd, t->state_fd);
	CHECK(guest_vm_setup(vm, &m.spec, text));
	EXPECT(vm, 0, look, looks);
	check_greeting(vm, &net);
	test_features(vm);
	test_bulk(vm, &net, files->program);
	guest_vm_kill(vm);
}

int main(int argc, char **argv)
{
	const struct guest_files files = guest_files_of(argc, argv);
	AUTO(guest_template_done) struct guest_template generic = guest_template_new();
	AUTO(guest_template_done) struct guest_template image = guest_template_new();
	AUTO(guest_machine_done) struct guest_machine seed;

	test_boot(&files);
	test_none(&files);
	guest_machine_init(&seed, &files, "network-seed", false);
	save_generic(&files, &generic);
	save_image(&seed, &generic, &image);
	test_clone(&files, seed.upper, &image);
	return tap_done();
}
