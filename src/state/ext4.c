// SPDX-License-Identifier: MIT
/*
 * ext4 in files: see ext4.h.  Of a file system that a guest has written nothing is believed: what
 * is read here is four fields of the superblock, to be able to say what is wrong in words; the
 * guest's kernel does the mounting.
 *
 * Failure modes: mke2fs is missing, fails (a full disk), or finds the size too small.
 */
#include "state/ext4.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/proc.h"
#include "base/strv.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MKE2FS_TIMEOUT_MS = 60 * 1000,
	SUPERBLOCK_AT = 1024,
	SUPERBLOCK_BYTES = 1024,
	MAGIC = 0xEF53,
	LOG_BLOCK_MAX = 6,	/* of 1024: blocks of 64 KiB */
	INCOMPAT_RECOVER = 0x4, /* the journal is not empty */
	INCOMPAT_64BIT = 0x80,
};

/* Few bytes are written: nothing is reserved, inode tables and journal are left as they are in a
 * file of holes. */
static const char *const common_options[] = {
	"-q", "-F", "-t", "ext4",
	"-m", "0",  "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
};

/* And fewer still: groups lie together, there is no room for growing. */
static const char *const scratch_options[] = {
	"-b", "4096", "-G", "4096", "-O", "^resize_inode",
};

int ext4_format(const char *path, int64_t size_mb, enum ext4_use use, struct err *err)
{
	AUTO_FREE char *program = NULL;
	AUTO(auto_strv) char **argv = NULL;
	struct proc_spec spec = PROC_SPEC_INIT;

	if (proc_find("mke2fs", &program, err) < 0)
		return err_set(err, ERR_UNAVAILABLE,
			       "mke2fs is not installed: apt-get install e2fsprogs");
	strv_add(&argv, program);
	for (size_t i = 0; i < ARRAY_SIZE(common_options); i++)
		strv_add(&argv, common_options[i]);
	for (size_t i = 0; use == EXT4_SCRATCH && i < ARRAY_SIZE(scratch_options); i++)
		strv_add(&argv, scratch_options[i]);
	strv_add(&argv, path);
	strv_take(&argv, xasprintf("%lldM", (long long)size_mb));
	spec.argv = argv;
	return proc_run(&spec, MKE2FS_TIMEOUT_MS, err);
}

static uint32_t le32(const unsigned char *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t bytes_of(const unsigned char *super)
{
	uint64_t high = le32(super + 0x60) & INCOMPAT_64BIT ? le32(super + 0x150) : 0;
	uint64_t blocks = high << 32 | le32(super + 0x4);
	uint32_t shift = 10 + le32(super + 0x18);

	return blocks > UINT64_MAX >> shift ? UINT64_MAX : blocks << shift;
}

int ext4_check(int fd, const char *path, bool read_only, struct err *err)
{
	unsigned char super[SUPERBLOCK_BYTES];
	ssize_t got = pread(fd, super, sizeof(super), SUPERBLOCK_AT);
	struct stat st;

	if (got < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "read '%s'", path);
	if (got < (ssize_t)sizeof(super) || (super[0x38] | super[0x39] << 8) != MAGIC ||
	    le32(super + 0x18) > LOG_BLOCK_MAX)
		return err_set(err, ERR_INVALID,
			       "'%s' is no ext4 file system: 'matchlock volume create' makes one, "
			       "and so does mkfs.ext4",
			       path);
	if (bytes_of(super) > (uint64_t)st.st_size)
		return err_set(err, ERR_INVALID,
			       "'%s' is shorter than the file system in it: a part is missing",
			       path);
	if (read_only && (le32(super + 0x60) & INCOMPAT_RECOVER))
		return err_set(err, ERR_INVALID,
			       "'%s' was not unmounted by the last sandbox that wrote to it: use "
			       "it once without \"ro\", which replays its journal",
			       path);
	return 0;
}
