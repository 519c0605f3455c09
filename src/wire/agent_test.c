// SPDX-License-Identifier: MIT
#include "wire/agent.h"

#include "base/limits.h"
#include "base/strv.h"
#include "base/tap.h"

#include <stdlib.h>

static struct view view(const struct buf *buf)
{
	return (struct view){buf->ptr, buf->len};
}

static void test_setup(void)
{
	char *dns[] = {(char *)"8.8.8.8", NULL}, *hosts[] = {(char *)"10.0.0.1 api", NULL};
	struct agent_disk disks[] = {{AGENT_DISK_MODULES, true, (char *)""},
				     {AGENT_DISK_DATA, false, (char *)"/data"}};
	struct agent_setup in = {.protocol = AGENT_PROTOCOL,
				 .entropy = {1, 2},
				 .hostname = (char *)"vm-1",
				 .privileged = true,
				 .cpu_quota_us = 50000,
				 .mtu = 1500,
				 .dns = dns,
				 .hosts = hosts,
				 .disk_count = 2,
				 .disks = disks};
	struct buf buf = BUF_INIT(4096);
	struct agent_setup out;
	struct err err = {0};

	agent_setup_pack(&buf, &in);
	CHECK(agent_setup_unpack(view(&buf), &out, &err) == 0);
	CHECK(out.privileged && out.entropy[1] == 2 && out.mtu == 1500);
	CHECK_STR(out.hosts[0], "10.0.0.1 api");
	CHECK(out.disk_count == 2 && out.disks[1].role == AGENT_DISK_DATA);
	CHECK_STR(out.disks[1].path, "/data");
	agent_setup_done(&out);
	for (size_t len = 0; len < buf.len; len++)
		CHECK(agent_setup_unpack((struct view){buf.ptr, len}, &out, &err) < 0);
	buf.ptr[0]++;
	CHECK(agent_setup_unpack(view(&buf), &out, &err) < 0);
	CHECK(strstr(err.msg, "different builds") != NULL);
	buf_clear(&buf);
	in.mtu = 65522;
	agent_setup_pack(&buf, &in);
	CHECK(agent_setup_unpack(view(&buf), &out, &err) < 0);
	buf_done(&buf);
}

static void test_exec(void)
{
	char *argv[] = {(char *)"echo", (char *)"a b", NULL}, *env[] = {(char *)"A=1", NULL};
	struct agent_exec in = {.flags = AGENT_EXEC_TTY | AGENT_EXEC_STDIN,
				.argv = argv,
				.command = (char *)"echo 'a b'",
				.env = env,
				.cwd = (char *)"/tmp",
				.user = (char *)"nobody",
				.rows = 24,
				.cols = 80,
				.grace_ms = 5000};
	struct buf buf = BUF_INIT(4096);
	struct agent_exec out;
	struct err err = {0};

	agent_exec_pack(&buf, &in);
	CHECK(agent_exec_unpack(view(&buf), &out, &err) == 0);
	CHECK(strv_count(out.argv) == 2 && out.cols == 80 && out.grace_ms == 5000);
	CHECK_STR(out.command, "echo 'a b'");
	agent_exec_done(&out);
	for (size_t len = 0; len < buf.len; len++)
		CHECK(agent_exec_unpack((struct view){buf.ptr, len}, &out, &err) < 0);
	buf_putc(&buf, 'x');
	CHECK(agent_exec_unpack(view(&buf), &out, &err) < 0);
	buf_done(&buf);
}

static void test_small(void)
{
	struct buf buf = BUF_INIT(4096);
	struct agent_failed failed;
	const struct agent_steps steps_in = {2, {{AGENT_STEP_ENTROPY, 5}, {AGENT_STEP_DISKS, 9}}};
	struct agent_prepare prepare;
	struct agent_exited exited;
	struct agent_steps steps;
	struct agent_clock clock;
	struct agent_connect connect;
	struct err err = {0};
	uint32_t signal;

	agent_failed_pack(&buf, &(struct agent_failed){127, (char *)"no such command"});
	CHECK(agent_failed_unpack(view(&buf), &failed, &err) == 0);
	CHECK_STR(failed.text, "no such command");
	agent_failed_done(&failed);
	buf_clear(&buf);
	agent_failed_pack(&buf, &(struct agent_failed){1, (char *)"\033[2Ja\n\177\303\244"});
	CHECK(agent_failed_unpack(view(&buf), &failed, &err) == 0);
	CHECK_STR(failed.text, "?[2Ja??\303\244");
	agent_failed_done(&failed);
	buf_clear(&buf);
	agent_exited_pack(&buf, &(struct agent_exited){143, 15, 20, 30});
	CHECK(agent_exited_unpack(view(&buf), &exited, &err) == 0 && exited.code == 143 &&
	      exited.run_us == 30);
	buf_clear(&buf);
	agent_exited_pack(&buf, &(struct agent_exited){256, 0, 0, 0});
	CHECK(agent_exited_unpack(view(&buf), &exited, &err) < 0);
	buf_clear(&buf);
	agent_steps_pack(&buf, &steps_in);
	CHECK(agent_steps_unpack(view(&buf), &steps, &err) == 0 && steps.steps[1].us == 9);
	buf.ptr[0] = AGENT_STEP_COUNT + 1;
	CHECK(agent_steps_unpack(view(&buf), &steps, &err) < 0);
	buf_clear(&buf);
	agent_prepare_pack(&buf, &(struct agent_prepare){true, (char *)"u", (char *)"/w"});
	CHECK(agent_prepare_unpack(view(&buf), &prepare, &err) == 0 && prepare.waiting);
	CHECK_STR(prepare.cwd, "/w");
	agent_prepare_done(&prepare);
	buf.ptr[0] = 2;
	CHECK(agent_prepare_unpack(view(&buf), &prepare, &err) < 0);
	buf_clear(&buf);
	agent_clock_pack(&buf, &(struct agent_clock){123456789012345});
	CHECK(agent_clock_unpack(view(&buf), &clock, &err) == 0 &&
	      clock.wall_ns == 123456789012345);
	buf_clear(&buf);
	agent_connect_pack(&buf, &(struct agent_connect){8080, 1000});
	CHECK(agent_connect_unpack(view(&buf), &connect, &err) == 0 && connect.port == 8080 &&
	      connect.credit == 1000);
	buf_clear(&buf);
	agent_connect_pack(&buf, &(struct agent_connect){0, 1000});
	CHECK(agent_connect_unpack(view(&buf), &connect, &err) < 0);
	buf_clear(&buf);
	agent_connect_pack(&buf, &(struct agent_connect){80, LIMIT_STREAM_CREDIT + 1});
	CHECK(agent_connect_unpack(view(&buf), &connect, &err) < 0);
	buf_clear(&buf);
	agent_signal_pack(&buf, 65);
	CHECK(agent_signal_unpack(view(&buf), &signal, &err) < 0);
	buf_done(&buf);
}

int main(void)
{
	TEST("setup survives the way, and every cut or other build is refused");
	test_setup();
	TEST("exec survives the way, and every cut or tail is refused");
	test_exec();
	TEST("codes and signals out of range are refused");
	test_small();
	TEST("a list that claims more strings than there are bytes is refused");
	struct agent_exec out;
	struct err err = {0};
	CHECK(agent_exec_unpack((struct view){"\0\0\0\0\xff\xff\xff\xff", 8}, &out, &err) < 0);
	return tap_done();
}
