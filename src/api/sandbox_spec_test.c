// SPDX-License-Identifier: MIT
#include "api/sandbox_spec.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/strv.h"
#include "base/tap.h"

#include <math.h>
#include <stdlib.h>

static const char *check(const struct sandbox_spec *spec)
{
	static struct err err;

	return sandbox_spec_check(spec, 4, &err) < 0 ? err.msg : "ok";
}

static const char *check_hostname(const char *name)
{
	AUTO(sandbox_spec_done) struct sandbox_spec spec;

	sandbox_spec_init(&spec);
	free(spec.hostname);
	spec.hostname = xstrdup(name);
	return check(&spec);
}

static void test_checks(void)
{
	AUTO(sandbox_spec_done) struct sandbox_spec spec;

	TEST("the defaults are fine");
	sandbox_spec_init(&spec);
	CHECK_STR(check(&spec), "ok");

	TEST("cpus: finite, above 0, not above the host's");
	spec.cpus = NAN;
	CHECK_STR(check(&spec), "--cpus must be a finite number > 0");
	spec.cpus = INFINITY;
	CHECK_STR(check(&spec), "--cpus must be a finite number > 0");
	spec.cpus = 0;
	CHECK_STR(check(&spec), "--cpus must be a finite number > 0");
	spec.cpus = 4.1;
	CHECK_STR(check(&spec), "--cpus must be <= host cpus (4)");
	spec.cpus = 3.5;
	CHECK_STR(check(&spec), "ok");

	TEST("memory and disk size have bounds");
	spec.memory_mb = 127;
	CHECK_STR(check(&spec), "--memory must be 128 to 1048576 (MiB), not 127");
	spec.memory_mb = 128;
	spec.disk_size_mb = -1;
	CHECK_STR(check(&spec), "--disk-size must be 64 to 16777216 (MiB), not -1");
	spec.disk_size_mb = 64;

	TEST("the MTU is one that IPv4 and a TAP can have");
	spec.mtu = 0;
	CHECK_STR(check(&spec), "--mtu must be > 0");
	spec.mtu = 65522;
	CHECK_STR(check(&spec), "--mtu must be 68 to 65521, not 65522");
	spec.mtu = 65521;

	TEST("resolvers are addresses");
	strv_add(&spec.dns_servers, "1.1.1.1");
	strv_add(&spec.dns_servers, "2001:4860:4860::8888");
	CHECK_STR(check(&spec), "ok");
	strv_add(&spec.dns_servers, "dns.example");
	CHECK_STR(check(&spec), "--dns-servers: \"dns.example\" is not an IPv4 or IPv6 address");
}

static void test_hostnames(void)
{
	static const char *const right[] = {"a", "box-1", "a.b.example", "0", ""};
	static const char *const wrong[] = {"-a",  "a-",  "a..b", ".a",	   "a.",
					    "a b", "a_b", "a-.b", "\u00e9"};
	char name[66] = "";

	TEST("host names are RFC 1123 labels of 64 bytes in all");
	for (size_t i = 0; i < ARRAY_SIZE(right); i++)
		CHECK_STR(check_hostname(right[i]), "ok");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		CHECK(strstr(check_hostname(wrong[i]), "is no host name: use letters"));
	memset(name, 'a', 64);
	CHECK(strstr(check_hostname(name), "is no host name"));
	name[30] = '.';
	CHECK_STR(check_hostname(name), "ok");
	name[64] = 'a';
	CHECK(strstr(check_hostname(name), "is no host name"));
}

static void check_json(const struct sandbox_spec *spec, const char *want)
{
	json_t *object = sandbox_spec_to_json(spec, "vm-1");
	AUTO_FREE char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15));

	CHECK_STR(text, want);
	json_decref(object);
}

static void test_json(void)
{
	AUTO(sandbox_spec_done) struct sandbox_spec spec;

	TEST("the configuration object, empty members omitted");
	sandbox_spec_init(&spec);
	free(spec.image);
	spec.image = xstrdup("alpine");
	check_json(&spec, "{\"id\":\"vm-1\",\"image\":\"alpine\",\"resources\":{\"cpus\":1,"
			  "\"memory_mb\":512,\"disk_size_mb\":5120,\"timeout_seconds\":300},"
			  "\"network\":{\"block_private_ips\":true,\"mtu\":1500}}");

	TEST("and with everything set");
	spec.privileged = spec.no_network = true;
	spec.mtu = 1280;
	spec.cpus = 0.1;
	free(spec.hostname);
	spec.hostname = xstrdup("box");
	strv_add(&spec.dns_servers, "1.1.1.1");
	strv_add(&spec.add_hosts, "db:2001:db8::1");
	spec.policy.listed = spec.policy.audit_only = spec.policy.allow_local_nets = true;
	strv_add(&spec.policy.allow_hosts, "*.example.com");
	strv_add(&spec.policy.allow_private, "10.0.0.0/8");
	strv_add(&spec.policy.host_services, "db.internal=127.0.0.1:5432");
	spec.network_intercept = true;
	free(spec.upstream_proxy);
	spec.upstream_proxy = xstrdup("http://me:secret@proxy:3128");
	free(spec.audit_path);
	spec.audit_path = xstrdup("/var/log/audit");
	strv_add(&spec.env, "A=1");
	strv_add(&spec.env, "A=2");
	strv_add(&spec.image_config.cmd, "/bin/sh");
	check_json(&spec,
		   "{\"id\":\"vm-1\",\"image\":\"alpine\",\"privileged\":true,\"resources\":"
		   "{\"cpus\":0.1,\"memory_mb\":512,\"disk_size_mb\":5120,"
		   "\"timeout_seconds\":300},\"network\":{\"allowed_hosts\":"
		   "[\"*.example.com\"],\"add_hosts\":[{\"host\":\"db\","
		   "\"ip\":\"2001:db8::1\"}],\"block_private_ips\":false,\"no_network\":true,"
		   "\"intercept\":true,"
		   "\"dns_servers\":[\"1.1.1.1\"],\"hostname\":\"box\",\"mtu\":1280,"
		   "\"allow_private\":[\"10.0.0.0/8\"],\"allow_host_services\":"
		   "[\"db.internal=127.0.0.1:5432\"],\"audit_only\":true,"
		   "\"audit\":\"/var/log/audit\"},"
		   "\"env\":{\"A\":\"2\"},\"image_config\":{\"cmd\":[\"/bin/sh\"]}}");
}

int main(void)
{
	test_checks();
	test_hostnames();
	test_json();
	return tap_done();
}
