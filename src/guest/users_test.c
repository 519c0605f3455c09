// SPDX-License-Identifier: MIT
/* Users and groups of images, well-formed and not. */
#include "guest/users.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/tap.h"

static const char passwd_text[] = "# a comment\n"
				  "root:x:0:0:root:/root:/bin/sh\n"
				  "\n"
				  "short:x:5\n"
				  "bad:x:zero:1::/bad:\n"
				  "agent:x:1000:1001:Agent:/home/agent:/bin/sh\n"
				  "agent:x:1:1::/second:\n"
				  "nohome:x:1002:1002::";
static const char group_text[] = "root:x:0:root\n"
				 "disk:x:6:root,adm\n"
				 "docker:x:999:bob,agent\n"
				 "agents:x:1001:agent\n"
				 "tools:x:1005:carol,agen,agentx,agent\n"
				 "empty:x:77:\n"
				 "bare:x:78";

static int parse(const char *spec, struct user *user, struct err *err)
{
	return user_parse(spec, view_of(passwd_text), view_of(group_text), user, err);
}

/* "uid:gid home g,g,..." */
static void check(const char *spec, const char *want)
{
	struct user user;
	struct err err;
	char got[512];
	int len;

	if (parse(spec, &user, &err) < 0) {
		CHECK_STR(err.msg, want);
		return;
	}
	len = snprintf(got, sizeof(got), "%u:%u %s ", user.uid, user.gid, user.home);
	for (size_t i = 0; i < user.group_count; i++)
		len += snprintf(got + len, sizeof(got) - (size_t)len, "%s%u", i ? "," : "",
				user.groups[i]);
	CHECK_STR(got, want);
	user_done(&user);
}

static void test_forms(void)
{
	TEST("nobody named is root with root's groups");
	check("", "0:0 /root 0,6");
	TEST("a name brings group, home and supplementary groups");
	check("agent", "1000:1001 /home/agent 1001,999,1005");
	TEST("a number finds its entry too");
	check("1000", "1000:1001 /home/agent 1001,999,1005");
	TEST("a number without an entry is its own group");
	check("65534", "65534:65534 / 65534");
	check("65534:65534", "65534:65534 / 65534");
	TEST("an explicit group is the only one");
	check("agent:docker", "1000:999 /home/agent 999");
	check("agent:5", "1000:5 /home/agent 5");
	check("0:empty", "0:77 /root 77");
	check(":bare", "0:78 /root 78");
	check("agent:", "1000:1001 /home/agent 1001,999,1005");
	TEST("an entry without a home has /");
	check("nohome", "1002:1002 / 1002");
}

static void test_refusals(void)
{
	TEST("what is not there is named");
	check("nobody", "user \"nobody\" not found");
	check("short", "user \"short\" not found");
	check("bad", "user \"bad\" not found");
	check("agent:nogroup", "group \"nogroup\" not found");
	TEST("numbers out of range are names that do not exist");
	check("4294967295", "user \"4294967295\" not found");
	check("99999999999999", "user \"99999999999999\" not found");
	check("-1", "user \"-1\" not found");
	check("0:4294967295", "group \"4294967295\" not found");
}

static void test_hostile(void)
{
	struct user user;
	struct err err;
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE);

	TEST("files without any line work");
	CHECK(user_parse("", (struct view){"", 0}, (struct view){"", 0}, &user, &err) == 0);
	CHECK_STR(user.home, "/");
	user_done(&user);
	CHECK(user_parse("x", VIEW_LIT("\n\n:::::::\n:"), VIEW_LIT(":"), &user, &err) < 0);

	TEST("more groups than the limit are refused");
	for (unsigned i = 0; i <= LIMIT_USER_GROUPS; i++)
		buf_printf(&text, "g%u:x:%u:root\n", i, i + 1);
	CHECK(user_parse("root", view_of(passwd_text), (struct view){text.ptr, text.len}, &user,
			 &err) < 0);
	CHECK(err.code == ERR_LIMIT);
}

int main(void)
{
	test_forms();
	test_refusals();
	test_hostile();
	return tap_done();
}
