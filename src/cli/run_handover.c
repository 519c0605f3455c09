// SPDX-License-Identifier: MIT
/*
 * Options to bytes and back: see run_handover.h.  Both ends are the same program, started by each
 * other; what is malformed is a mistake of ours.
 */
#include "cli/run_handover.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/strv.h"
#include "wire/policy_pack.h"

#include <stdlib.h>
#include <string.h>

/* A member that is new is handed over too, or the detached sandbox silently lacks it. */
_Static_assert(sizeof(struct sandbox_spec) == 240 && sizeof(struct run_options) == 456,
	       "hand the new members over as well, then count them here");

static void pack_double(struct buf *buf, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	pack_u64(buf, bits);
}

static double unpack_double(struct unpack *in)
{
	uint64_t bits = unpack_u64(in);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void pack_image_config(struct buf *buf, const struct image_config *config)
{
	pack_str(buf, config->user);
	pack_str(buf, config->working_dir);
	pack_strv(buf, config->entrypoint);
	pack_strv(buf, config->cmd);
	pack_strv(buf, config->env);
}

static void unpack_image_config(struct unpack *in, struct image_config *config)
{
	config->user = unpack_str(in);
	config->working_dir = unpack_str(in);
	config->entrypoint = unpack_strv(in);
	config->cmd = unpack_strv(in);
	config->env = unpack_strv(in);
}

static void pack_labels(struct buf *buf, json_t *labels)
{
	AUTO_FREE char *text = labels ? json_dumps(labels, JSON_COMPACT) : NULL;

	pack_str(buf, text);
}

static json_t *unpack_labels(struct unpack *in)
{
	AUTO_FREE char *text = unpack_str(in);
	json_t *labels = *text ? json_loads(text, 0, NULL) : NULL;

	if (*text && !labels)
		in->failed = true;
	return labels;
}

static void pack_disks(struct buf *buf, const struct sandbox_spec *spec)
{
	pack_u32(buf, (uint32_t)spec->disk_count);
	for (size_t i = 0; i < spec->disk_count; i++) {
		pack_str(buf, spec->disks[i].host_path);
		pack_str(buf, spec->disks[i].guest_mount);
		pack_u8(buf, spec->disks[i].read_only);
	}
}

static void unpack_disks(struct unpack *in, struct sandbox_spec *spec)
{
	for (uint32_t count = unpack_u32(in); count > 0 && !in->failed; count--) {
		struct disk_mount mount = {0};

		mount.host_path = unpack_str(in);
		mount.guest_mount = unpack_str(in);
		mount.read_only = unpack_u8(in);
		sandbox_spec_add_disk(spec, &mount);
	}
}

/* Whose listeners the supervisor gets as descriptors, in this order. */
static void pack_ports(struct buf *buf, const struct run_options *options)
{
	pack_u32(buf, (uint32_t)options->port_count);
	for (size_t i = 0; i < options->port_count; i++)
		pack_u32(buf, options->ports[i].guest_port);
}

static void unpack_ports(struct unpack *in, struct run_options *options)
{
	const uint32_t count = unpack_u32(in);

	if (count > LIMIT_LISTENERS) {
		in->failed = true;
		return;
	}
	options->ports = xcalloc(count, sizeof(*options->ports));
	options->port_count = count;
	for (uint32_t i = 0; i < count; i++)
		options->ports[i].guest_port = (uint16_t)unpack_u32(in);
}

static void pack_spec(struct buf *buf, const struct sandbox_spec *spec)
{
	pack_str(buf, spec->image);
	pack_str(buf, spec->name);
	pack_labels(buf, spec->labels);
	pack_u8(buf, spec->privileged);
	pack_double(buf, spec->cpus);
	pack_u64(buf, (uint64_t)spec->memory_mb);
	pack_u64(buf, (uint64_t)spec->disk_size_mb);
	pack_disks(buf, spec);
	pack_u64(buf, (uint64_t)spec->timeout_s);
	pack_u8(buf, spec->no_network);
	pack_u64(buf, (uint64_t)spec->mtu);
	pack_str(buf, spec->hostname);
	pack_strv(buf, spec->dns_servers);
	pack_strv(buf, spec->add_hosts);
	policy_spec_pack(buf, &spec->policy);
	pack_u8(buf, spec->network_intercept);
	pack_str(buf, spec->upstream_proxy);
	pack_str(buf, spec->no_proxy);
	pack_str(buf, spec->audit_path);
	pack_strv(buf, spec->env);
	pack_image_config(buf, &spec->image_config);
}

static void unpack_spec(struct unpack *in, struct sandbox_spec *spec)
{
	spec->image = unpack_str(in);
	spec->name = unpack_str(in);
	spec->labels = unpack_labels(in);
	spec->privileged = unpack_u8(in);
	spec->cpus = unpack_double(in);
	spec->memory_mb = (int64_t)unpack_u64(in);
	spec->disk_size_mb = (int64_t)unpack_u64(in);
	unpack_disks(in, spec);
	spec->timeout_s = (int64_t)unpack_u64(in);
	spec->no_network = unpack_u8(in);
	spec->mtu = (int64_t)unpack_u64(in);
	spec->hostname = unpack_str(in);
	spec->dns_servers = unpack_strv(in);
	spec->add_hosts = unpack_strv(in);
	policy_spec_unpack(in, &spec->policy);
	spec->network_intercept = unpack_u8(in);
	spec->upstream_proxy = unpack_str(in);
	spec->no_proxy = unpack_str(in);
	spec->audit_path = unpack_str(in);
	spec->env = unpack_strv(in);
	unpack_image_config(in, &spec->image_config);
}

void run_handover_pack(struct buf *buf, const struct run_options *options, char *const *layers,
		       const struct image_config *image_config)
{
	pack_spec(buf, &options->spec);
	pack_u8(buf, options->timeout_set);
	pack_u8(buf, options->rm);
	pack_str(buf, options->workdir);
	pack_u64(buf, (uint64_t)options->graceful_shutdown_ns);
	pack_str(buf, options->accel);
	pack_u8(buf, options->no_template);
	pack_u8(buf, options->no_template_build);
	pack_strv(buf, options->words);
	pack_str(buf, options->command);
	pack_strv(buf, options->environment);
	pack_ports(buf, options);
	pack_strv(buf, layers);
	pack_image_config(buf, image_config);
}

int run_handover_unpack(struct view bytes, struct run_handover *ret_handover, struct err *err)
{
	AUTO(run_handover_done) struct run_handover handover = {0};
	struct run_options *options = &handover.options;
	struct unpack in = unpack_of(bytes);

	unpack_spec(&in, &options->spec);
	options->timeout_set = unpack_u8(&in);
	options->rm = unpack_u8(&in);
	options->workdir = unpack_str(&in);
	options->graceful_shutdown_ns = (int64_t)unpack_u64(&in);
	options->accel = unpack_str(&in);
	options->no_template = unpack_u8(&in);
	options->no_template_build = unpack_u8(&in);
	options->words = unpack_strv(&in);
	options->command = unpack_str(&in);
	options->environment = unpack_strv(&in);
	unpack_ports(&in, options);
	handover.layers = unpack_strv(&in);
	unpack_image_config(&in, &handover.image_config);
	if (unpack_done(&in, "handed over options", err) < 0)
		return -1;
	*ret_handover = handover;
	handover = (struct run_handover){0};
	return 0;
}

void run_handover_done(struct run_handover *handover)
{
	run_options_done(&handover->options);
	strv_free(handover->layers);
	image_config_done(&handover->image_config);
	*handover = (struct run_handover){0};
}
