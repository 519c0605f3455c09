// SPDX-License-Identifier: MIT
/*
 * Disks of a VM: see disks.h.
 *
 * The upper layer is a sparse copy: of a template's, or of an artefact of the default size that was
 * formatted at build time (about a millisecond).  Any other size is formatted by mke2fs, which with
 * these options writes 200 KiB and takes 4 ms.
 */
#include "sandbox/disks.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strv.h"
#include "image/merged.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MKE2FS_TIMEOUT_MS = 60 * 1000,
	LAYER_DISKS = LIMIT_DISKS - 2, /* modules and upper take one each */
};

/* There is room: layers that would not fit are merged. */
static void disk_put(struct disks *disks, int fd, enum agent_disk_role role)
{
	bool read_only = role != AGENT_DISK_UPPER;

	assert(disks->count < LIMIT_DISKS);
	disks->vm[disks->count] = (struct vm_disk){fd, read_only};
	disks->agent[disks->count] = (struct agent_disk){.role = role, .read_only = read_only};
	disks->count++;
}

static int disk_add(struct disks *disks, const char *path, enum agent_disk_role role,
		    struct err *err)
{
	int fd = open(path, (role == AGENT_DISK_UPPER ? O_RDWR : O_RDONLY) | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "open disk '%s'", path);
	disk_put(disks, fd, role);
	return 0;
}

/* One disk a layer, base first; where they are too many, one for as many of the lowest as it
 * takes. */
static int layers_add(struct disks *disks, char *const *layers, struct err *err)
{
	size_t count = strv_count(layers);
	size_t merged = count > LAYER_DISKS ? count - LAYER_DISKS + 1 : 0;
	int fd;

	if (merged > 0) {
		if (merged_open(layers, merged, &fd, err) < 0)
			return -1;
		disk_put(disks, fd, AGENT_DISK_LAYER);
	}
	for (size_t i = merged; i < count; i++) {
		if (disk_add(disks, layers[i], AGENT_DISK_LAYER, err) < 0)
			return -1;
	}
	return 0;
}

/* Formats an ext4 of `size_mb` at `path`, which must not exist.  Few bytes are written: groups lie
 * together, nothing is reserved for growing, inode tables and journal are left as they are. */
static int upper_format(const char *path, int64_t size_mb, struct err *err)
{
	AUTO_FREE char *program = NULL;
	AUTO_FREE char *size = xasprintf("%lldM", (long long)size_mb);
	AUTO(auto_strv) char **argv = NULL;
	struct proc_spec spec = PROC_SPEC_INIT;
	static const char *const options[] = {
		"-q", "-F",
		"-t", "ext4",
		"-b", "4096",
		"-m", "0",
		"-G", "4096",
		"-O", "^resize_inode",
		"-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
	};

	if (proc_find("mke2fs", &program, err) < 0)
		return err_set(err, ERR_UNAVAILABLE,
			       "mke2fs is not installed: apt-get install e2fsprogs");
	strv_add(&argv, program);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		strv_add(&argv, options[i]);
	strv_add(&argv, path);
	strv_add(&argv, size);
	spec.argv = argv;
	return proc_run(&spec, MKE2FS_TIMEOUT_MS, err);
}

static int upper_copy(const char *path, int seed_fd, struct err *err)
{
	AUTO_FD int upper = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (upper < 0)
		return err_sys(err, errno, "create '%s'", path);
	return fd_copy_sparse(seed_fd, upper, path, err);
}

static int upper_make(const char *path, int64_t size_mb, struct err *err)
{
	AUTO_FREE char *seed_path = NULL;
	AUTO_FD int seed = -1;
	struct stat st;

	if (path_artefact("upper.ext4", &seed_path, err) < 0)
		return -1;
	seed = open(seed_path, O_RDONLY | O_CLOEXEC);
	if (seed < 0 || fstat(seed, &st) < 0)
		return err_sys(err, errno, "open '%s'", seed_path);
	if (st.st_size != size_mb * 1024 * 1024)
		return upper_format(path, size_mb, err);
	return upper_copy(path, seed, err);
}

int disks_open(char *const *layers, struct disks *ret_disks, struct err *err)
{
	AUTO_FREE char *modules = NULL;

	*ret_disks = (struct disks){0};
	if (path_artefact("modules.erofs", &modules, err) < 0 ||
	    disk_add(ret_disks, modules, AGENT_DISK_MODULES, err) < 0 ||
	    layers_add(ret_disks, layers, err) < 0)
		return -1;
	return 0;
}

int disks_add_upper(struct disks *disks, const char *path, int seed_fd, int64_t upper_mb,
		    struct err *err)
{
	int status =
		seed_fd >= 0 ? upper_copy(path, seed_fd, err) : upper_make(path, upper_mb, err);

	if (status < 0)
		return err_wrap(err, "writable disk");
	return disk_add(disks, path, AGENT_DISK_UPPER, err);
}

void disks_close_upper(struct disks *disks)
{
	if (disks->count > 0 && disks->agent[disks->count - 1].role == AGENT_DISK_UPPER)
		close(disks->vm[--disks->count].fd);
}

void disks_drop_upper(struct disks *disks, const char *path)
{
	disks_close_upper(disks);
	(void)unlink(path);
}

void disks_done(struct disks *disks)
{
	for (size_t i = 0; i < disks->count; i++)
		close(disks->vm[i].fd);
	disks->count = 0;
}
