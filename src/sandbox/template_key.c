// SPDX-License-Identifier: MIT
/*
 * Keys of templates: see template_key.h.  A text is made of all parts, one a line, and digested.
 * What an image's author writes goes in with its length, so that no two images have the same text.
 */
#include "sandbox/template_key.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/limits.h"
#include "crypto/digest.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

/* No guest could be told of a larger environment. */
enum { KEY_TEXT_MAX = LIMIT_MESSAGE_TO_GUEST };

/* Changed when the steps of a template's making change in a way that no file shows. */
#define KEY_VERSION "matchlock template 2\n"

static int add_file(struct buf *text, const char *what, int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "stat the %s", what);
	/* Not the device: its number may change with each mount of a file system. */
	buf_printf(text, "%s %llu %lld %lld.%09ld %lld.%09ld\n", what,
		   (unsigned long long)st.st_ino, (long long)st.st_size,
		   (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec,
		   st.st_ctim.tv_nsec);
	return 0;
}

static void add_text(struct buf *text, const char *what, const char *value)
{
	buf_printf(text, "%s %zu %s\n", what, value ? strlen(value) : 0, value ? value : "");
}

/* What a card that is in use has agreed on with its TAP: it depends on the kernel. */
static int add_network(struct buf *text, bool network, struct err *err)
{
	struct utsname host;

	if (uname(&host) < 0)
		return err_sys(err, errno, "ask for the kernel's release");
	add_text(text, "network", network ? host.release : NULL);
	return 0;
}

static int finish(const struct buf *text, char ret_key[TEMPLATE_KEY_SIZE], struct err *err)
{
	char digest[DIGEST_TEXT_SIZE];

	if (buf_check(text, "the description of a template", err) < 0)
		return -1;
	digest_of(text->ptr, text->len, digest);
	memcpy(ret_key, strchr(digest, ':') + 1, TEMPLATE_KEY_SIZE - 1);
	ret_key[TEMPLATE_KEY_SIZE - 1] = '\0';
	return 0;
}

int template_key_generic(const struct vmm_ops *vmm, const struct vm_spec *vm,
			 char ret_key[TEMPLATE_KEY_SIZE], struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(KEY_TEXT_MAX);

	buf_puts(&text, KEY_VERSION);
	if (add_file(&text, "kernel", vm->kernel_fd, err) < 0 ||
	    add_file(&text, "initramfs", vm->initramfs_fd, err) < 0 ||
	    vmm->fingerprint(vm, &text, err) < 0)
		return -1;
	return finish(&text, ret_key, err);
}

int template_key_image(const struct template_of_image *of, char ret_key[TEMPLATE_KEY_SIZE],
		       struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(KEY_TEXT_MAX);
	char *const *env = of->config->env;

	buf_printf(&text, KEY_VERSION "generic %s\ndisk %lld\ncpus %.17g\n", of->generic_key,
		   (long long)of->disk_mb, of->cpus);
	if (add_network(&text, of->network, err) < 0)
		return -1;
	add_text(&text, "user", of->config->user);
	add_text(&text, "cwd", of->config->working_dir);
	/* The command that is run in its making has it: another image on the same layers could have
	 * that do whatever it wants, and this one's sandboxes would start from the outcome. */
	for (size_t i = 0; env && env[i]; i++)
		add_text(&text, "env", env[i]);
	for (size_t i = 0; i < of->disks->count; i++) {
		if (add_file(&text, "disk", of->disks->vm[i].fd, err) < 0)
			return -1;
	}
	return finish(&text, ret_key, err);
}
