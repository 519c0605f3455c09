// SPDX-License-Identifier: MIT
/* The look-up of modules: patterns, aliases, dependencies. */
#include "guest/module.h"

#include "base/tap.h"

static void append(void *ctx, const char *module)
{
	strcat(ctx, module);
	strcat(ctx, " ");
}

static void test_patterns(void)
{
	TEST("a pattern matches as fnmatch does, with - and _ the same");
	CHECK(module_matches("char-major-10-237", "char-major-10-237"));
	CHECK(module_matches("char_major_10_237", "char-major-10-237"));
	CHECK(module_matches("block-major-7-*", "block-major-7-0"));
	CHECK(module_matches("pci:v*d*sv*sd*bc01sc0[1-3]*", "pci:v1d2sv3sd4bc01sc02i0"));
	CHECK(!module_matches("block-major-7-*", "block-major-70-0"));
	CHECK(!module_matches("net-pf-16-proto-9", "net-pf-16-proto-90"));
	CHECK(!module_matches("a", ""));
	CHECK(module_matches("", ""));

	TEST("a name of any length is no overrun");
	{
		char name[2000];

		memset(name, 'x', sizeof(name) - 1);
		name[sizeof(name) - 1] = '\0';
		CHECK(!module_matches("x*", name));
	}
}

static void test_aliases(void)
{
	struct view text = VIEW_LIT("# Aliases extracted from modules themselves.\n"
				    "alias char-major-10-237 loop\n"
				    "alias block-major-7-* loop\n"
				    "bogus line\n"
				    "alias\n"
				    "alias nothing\n"
				    "alias crypto-crc32c crc32c_intel\n"
				    "alias crypto-crc32c crc32c_generic");
	char found[200] = "";

	TEST("every module of an alias is found, also on a last line without its end");
	module_aliases(text, "crypto-crc32c", append, found);
	CHECK_STR(found, "crc32c_intel crc32c_generic ");

	TEST("an alias that nothing provides finds nothing");
	found[0] = '\0';
	module_aliases(text, "nothing", append, found);
	CHECK_STR(found, "");
}

static void test_deps(void)
{
	struct view text = VIEW_LIT("kernel/fs/fuse/fuse.ko:\n"
				    "kernel/net/nf-tables.ko: kernel/net/nfnetlink.ko kernel/l.ko\n"
				    "no colon\n"
				    "kernel/z.ko:");
	struct view line;

	TEST("a dependency line is found by the module's name");
	line = module_dep_line(text, "nf_tables");
	CHECK(view_equals(line, "kernel/net/nf-tables.ko: kernel/net/nfnetlink.ko kernel/l.ko"));
	CHECK(view_equals(module_dep_line(text, "z"), "kernel/z.ko:"));
	CHECK(module_dep_line(text, "tables").len == 0);
	CHECK(module_dep_line(text, "").len == 0);
}

int main(void)
{
	test_patterns();
	test_aliases();
	test_deps();
	return tap_done();
}
