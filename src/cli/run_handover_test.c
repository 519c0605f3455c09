// SPDX-License-Identifier: MIT
#include "cli/run_handover.h"

#include "base/alloc.h"
#include "base/strv.h"
#include "base/tap.h"

#include <stdlib.h>

static char *list[] = {(char *)"A=1", (char *)"B=two words", NULL};
static char *layers[] = {(char *)"/blobs/base", (char *)"/blobs/top", NULL};

/* Every member differs from its default. */
static void fill(struct run_options *options)
{
	struct sandbox_spec *spec = &options->spec;

	run_options_init(options);
	free(spec->image);
	spec->image = xstrdup("image");
	free(spec->name);
	spec->name = xstrdup("name");
	spec->labels = json_pack("{s:s}", "key", "value");
	spec->privileged = true;
	spec->cpus = 0.1;
	spec->memory_mb = 1;
	spec->disk_size_mb = 2;
	sandbox_spec_add_disk(spec, &(struct disk_mount){xstrdup("/a"), xstrdup("/b"), false});
	sandbox_spec_add_disk(spec, &(struct disk_mount){xstrdup("/c"), xstrdup("/d"), true});
	spec->timeout_s = 3;
	spec->no_network = true;
	spec->mtu = 4;
	free(spec->hostname);
	spec->hostname = xstrdup("host");
	strv_add(&spec->dns_servers, "1.1.1.1");
	strv_add(&spec->add_hosts, "a:10.0.0.1");
	spec->policy.listed = spec->policy.audit_only = spec->policy.allow_local_nets = true;
	strv_add(&spec->policy.allow_hosts, "a.test");
	strv_add(&spec->policy.allow_private, "10.0.0.0/8");
	strv_add(&spec->policy.host_services, "db=127.0.0.1:1");
	spec->network_intercept = true;
	free(spec->upstream_proxy);
	spec->upstream_proxy = xstrdup("http://proxy:3128");
	free(spec->no_proxy);
	spec->no_proxy = xstrdup("a.test");
	free(spec->audit_path);
	spec->audit_path = xstrdup("/audit");
	spec->env = strv_copy(list);
	spec->image_config = (struct image_config){
		xstrdup("user"), xstrdup("/dir"), strv_copy(list), strv_copy(list + 1), NULL,
	};
	options->timeout_set = options->no_template = options->no_template_build = true;
	options->rm = false;
	free(options->workdir);
	options->workdir = xstrdup("/work");
	options->graceful_shutdown_ns = 5;
	options->words = strv_copy(list);
	options->command = xstrdup("a 'b c'");
	options->environment = strv_copy(list);
	options->port_count = 2;
	options->ports = xcalloc(2, sizeof(*options->ports));
	options->ports[0].guest_port = 80;
	options->ports[1].guest_port = 65535;
}

int main(void)
{
	AUTO_BUF struct buf buf = BUF_INIT(RUN_HANDOVER_BYTES);
	AUTO_BUF struct buf again = BUF_INIT(RUN_HANDOVER_BYTES);
	struct run_options options = {0};
	struct run_handover got;
	struct image_config image = {.cmd = list};
	struct err err;

	TEST("everything that the supervisor needs arrives");
	fill(&options);
	run_handover_pack(&buf, &options, layers, &image);
	CHECK(run_handover_unpack((struct view){buf.ptr, buf.len}, &got, &err) == 0);
	CHECK_STR(got.options.command, "a 'b c'");
	CHECK_STR(got.layers[1], "/blobs/top");
	CHECK(got.options.port_count == 2 && got.options.ports[1].guest_port == 65535);
	CHECK_STR(got.options.spec.upstream_proxy, "http://proxy:3128");
	CHECK(got.options.spec.cpus == 0.1 && got.options.graceful_shutdown_ns == 5);

	TEST("and each member in its place");
	run_handover_pack(&again, &got.options, got.layers, &got.image_config);
	CHECK(again.len == buf.len && memcmp(again.ptr, buf.ptr, buf.len) == 0);
	run_handover_done(&got);
	run_options_done(&options);

	TEST("less is an error");
	for (size_t len = 0; len < buf.len; len += 7)
		CHECK(run_handover_unpack((struct view){buf.ptr, len}, &got, &err) < 0);
	return tap_done();
}
