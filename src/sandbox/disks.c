// SPDX-License-Identifier: MIT
/*
 * Disks of a VM: see disks.h.
 *
 * The upper layer is a sparse copy: of a template's, or of an artefact of the default size that was
 * formatted at build time (about a millisecond).  Any other size is formatted by mke2fs, which
 * writes 200 KiB and takes 4 ms.
 */
#include "sandbox/disks.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strv.h"
#include "image/merged.h"
#include "state/ext4.h"
#include "state/volume_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LAYER_DISKS = LIMIT_DISKS - 2, /* modules and upper take one each */
	DATA_DISKS = LAYER_DISKS - 1,  /* however many layers there are, they fit on one */
};

/* There is room: layers that would not fit are merged. */
static void disk_put(struct disks *disks, int fd, const struct agent_disk *disk)
{
	assert(disks->count < LIMIT_DISKS);
	disks->vm[disks->count] = (struct vm_disk){fd, disk->read_only};
	disks->agent[disks->count] = *disk;
	disks->count++;
}

static int disk_add(struct disks *disks, const char *path, enum agent_disk_role role,
		    struct err *err)
{
	const struct agent_disk disk = {.role = role, .read_only = role != AGENT_DISK_UPPER};
	int fd = open(path, (disk.read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "open disk '%s'", path);
	disk_put(disks, fd, &disk);
	return 0;
}

/* One disk a layer, base first; where they are more than `room`, one for as many of the lowest as
 * it takes. */
static int layers_add(struct disks *disks, char *const *layers, size_t room, struct err *err)
{
	const struct agent_disk merged_layer = {.role = AGENT_DISK_LAYER, .read_only = true};
	size_t count = strv_count(layers);
	size_t merged = count > room ? count - room + 1 : 0;
	int fd;

	if (merged > 0) {
		if (merged_open(layers, merged, &fd, err) < 0)
			return -1;
		disk_put(disks, fd, &merged_layer);
	}
	for (size_t i = merged; i < count; i++) {
		if (disk_add(disks, layers[i], AGENT_DISK_LAYER, err) < 0)
			return -1;
	}
	return 0;
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
		return ext4_format(path, size_mb, EXT4_SCRATCH, err);
	return upper_copy(path, seed, err);
}

int disks_open(char *const *layers, size_t data_count, struct disks *ret_disks, struct err *err)
{
	AUTO_FREE char *modules = NULL;

	*ret_disks = (struct disks){0};
	if (data_count > DATA_DISKS)
		return err_set(err, ERR_LIMIT,
			       "overlay disk device limit exceeded: %zu disks are asked for, a VM "
			       "has room for %d beside its own",
			       data_count, DATA_DISKS);
	if (path_artefact("modules.erofs", &modules, err) < 0 ||
	    disk_add(ret_disks, modules, AGENT_DISK_MODULES, err) < 0 ||
	    layers_add(ret_disks, layers, LAYER_DISKS - data_count, err) < 0)
		return -1;
	return 0;
}

/* The file may be there twice only if nobody writes to it. */
static int check_given_once(const struct disks *disks, const struct disk_mount *mount,
			    struct err *err)
{
	struct stat file, other;

	if (stat(mount->host_path, &file) < 0)
		return 0; /* opening it will tell */
	for (size_t i = 0; i < disks->count; i++) {
		if (disks->agent[i].role != AGENT_DISK_DATA || fstat(disks->vm[i].fd, &other) < 0 ||
		    file.st_dev != other.st_dev || file.st_ino != other.st_ino ||
		    (mount->read_only && disks->vm[i].read_only))
			continue;
		return err_set(err, ERR_INVALID,
			       "'%s' is given twice: only with \"ro\" both times could it be",
			       mount->host_path);
	}
	return 0;
}

static int data_add(struct disks *disks, struct state *state, const struct disk_mount *mount,
		    struct err *err)
{
	const struct agent_disk disk = {
		.role = AGENT_DISK_DATA,
		.read_only = mount->read_only,
		.path = mount->guest_mount,
	};
	AUTO_FD int fd = -1;

	if (check_given_once(disks, mount, err) < 0 ||
	    volume_file_open(state, mount->host_path, mount->read_only, &fd, err) < 0 ||
	    ext4_check(fd, mount->host_path, mount->read_only, err) < 0)
		return -1;
	disk_put(disks, STEAL_FD(fd), &disk);
	return 0;
}

int disks_add_data(struct disks *disks, struct state *state, const struct disk_mount *mounts,
		   size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (data_add(disks, state, &mounts[i], err) < 0)
			return -1;
	}
	return 0;
}

bool disks_are_written(const struct disks *disks)
{
	for (size_t i = 0; i < disks->count; i++) {
		if (disks->agent[i].role == AGENT_DISK_DATA && !disks->agent[i].read_only)
			return true;
	}
	return false;
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
