// SPDX-License-Identifier: MIT
/*
 * The two things that a template's folder holds for its readers: about.json and the open files.
 * about.json has the size and the time of change of the others: a guest that goes on with a damaged
 * disk says so late or never.
 * Failure modes: a file that is missing, of another user, writable to others, or not our JSON;
 * files that are not as they were saved.
 */
#include "sandbox/templates_internal.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ABOUT_MAX = 64 * 1024, STAMP_MAX = 1024 };

static void decref(json_t **json)
{
	json_decref(*json);
}

void template_about_done(struct template_about *about)
{
	free(about->image);
	free(about->accel);
	*about = (struct template_about){0};
}

bool template_is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int open_ours(int dir_fd, const char *name, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
			       "open a template's '%s': %s", name, strerror(errno));
	if (!template_is_ours(fd))
		return err_set(err, ERR_NOT_FOUND,
			       "a template's '%s' belongs to another user or is writable to "
			       "others",
			       name);
	*ret_fd = STEAL_FD(fd);
	return 0;
}

/* The sizes and times of change, as a text. */
static char *stamp_of(int dir_fd)
{
	static const char *const names[] = {TEMPLATE_RAM, TEMPLATE_STATE, TEMPLATE_UPPER};
	struct buf stamp = BUF_INIT(STAMP_MAX);
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (fstatat(dir_fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			buf_printf(&stamp, "%s %lld %lld.%09ld\n", names[i], (long long)st.st_size,
				   (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	}
	return buf_steal(&stamp, NULL);
}

int template_about_read(int dir_fd, struct template_about *ret_about, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(ABOUT_MAX);
	AUTO(decref) json_t *json = NULL;
	AUTO_FREE char *stamp = stamp_of(dir_fd);
	AUTO_FD int fd = -1;
	const char *image = NULL, *accel = NULL, *files = NULL;
	json_int_t cpus, memory_mb, disk_mb, tsc_khz;
	int network;

	if (open_ours(dir_fd, TEMPLATE_ABOUT, &fd, err) < 0 ||
	    fd_read_to_end(fd, &text, TEMPLATE_ABOUT, err) < 0)
		return -1;
	json = json_loadb(text.ptr, text.len, 0, NULL);
	if (!json ||
	    json_unpack(json, "{s?s, s:s, s:s, s:I, s:I, s:I, s:I, s:b}", "image", &image, "accel",
			&accel, "files", &files, "cpus", &cpus, "memory_mb", &memory_mb, "disk_mb",
			&disk_mb, "tsc_khz", &tsc_khz, "network", &network) < 0)
		return err_set(err, ERR_INVALID, "a template's '%s' is damaged", TEMPLATE_ABOUT);
	if (strcmp(stamp, files) != 0)
		return err_set(err, ERR_INVALID, "a template's files are not as they were saved");
	*ret_about = (struct template_about){
		.image = image ? xstrdup(image) : NULL,
		.accel = xstrdup(accel),
		.cpus = (unsigned)cpus,
		.memory_mb = (unsigned)memory_mb,
		.disk_mb = disk_mb,
		.tsc_khz = (unsigned)tsc_khz,
		.network = network,
	};
	return 0;
}

int template_about_write(int dir_fd, const struct template_about *about, struct err *err)
{
	AUTO_FREE char *stamp = stamp_of(dir_fd);
	AUTO(decref)
	json_t *json =
		json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:b}", "accel", about->accel, "files",
			  stamp, "cpus", (json_int_t)about->cpus, "memory_mb",
			  (json_int_t)about->memory_mb, "disk_mb", (json_int_t)about->disk_mb,
			  "tsc_khz", (json_int_t)about->tsc_khz, "network", about->network);
	AUTO_FREE char *text = NULL;

	if (about->image)
		json_object_set_new(json, "image", json_string(about->image));
	text = json_dumps(json, JSON_COMPACT);
	if (!text)
		return err_set(err, ERR_INTERNAL, "describe a template");
	return fd_write_file(dir_fd, TEMPLATE_ABOUT, text, strlen(text), 0600, err);
}

void template_files_close(struct template_files *files)
{
	auto_close_(&files->ram_fd);
	auto_close_(&files->state_fd);
	auto_close_(&files->upper_fd);
	*files = (struct template_files)TEMPLATE_FILES_NONE;
}

int template_files_open(int dir_fd, struct template_files *ret_files, struct err *err)
{
	AUTO(template_files_close) struct template_files files = TEMPLATE_FILES_NONE;

	if (open_ours(dir_fd, TEMPLATE_RAM, &files.ram_fd, err) < 0 ||
	    open_ours(dir_fd, TEMPLATE_STATE, &files.state_fd, err) < 0)
		return -1;
	if (open_ours(dir_fd, TEMPLATE_UPPER, &files.upper_fd, err) < 0 &&
	    err->code != ERR_NOT_FOUND)
		return -1;
	*ret_files = files;
	files = (struct template_files)TEMPLATE_FILES_NONE;
	return 0;
}
