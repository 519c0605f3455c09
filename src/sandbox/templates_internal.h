// SPDX-License-Identifier: MIT
/* What the files of the template store share. */
#pragma once

#include "sandbox/templates.h"

#define TEMPLATE_RAM	"ram"
#define TEMPLATE_STATE	"state"
#define TEMPLATE_UPPER	"upper.ext4"
#define TEMPLATE_ABOUT	"about.json"
#define TEMPLATE_LOCK	".lock"
#define TEMPLATE_FOLDER "%s/templates" /* of CACHE */

/* about.json of the open folder.  ERR_NOT_FOUND or ERR_INVALID if it is none of ours, or the other
 * files are not as they were when it was written: write it last. */
int template_about_read(int dir_fd, struct template_about *ret_about, struct err *err);
int template_about_write(int dir_fd, const struct template_about *about, struct err *err);

/* Opens what the folder has; `state` and `ram` must be there. */
int template_files_open(int dir_fd, struct template_files *ret_files, struct err *err);

/* Whether the file or folder is ours alone to change. */
bool template_is_ours(int fd);
