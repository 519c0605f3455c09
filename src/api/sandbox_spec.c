// SPDX-License-Identifier: MIT
/*
 * The configuration object: see sandbox_spec.h.  Errors name the command line's flags; the order of
 * the checks decides which of several errors is told.
 */
#include "api/sandbox_spec.h"

#include "api/env.h"
#include "base/alloc.h"
#include "base/auto.h"
#include "base/guest_net.h"
#include "base/strv.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_BYTES = 63 }; /* of a host name: RFC 1123 */

void sandbox_spec_init(struct sandbox_spec *spec)
{
	*spec = (struct sandbox_spec){
		.image = xstrdup(""),
		.name = xstrdup(""),
		.cpus = SPEC_CPUS,
		.memory_mb = SPEC_MEMORY_MB,
		.disk_size_mb = SPEC_DISK_SIZE_MB,
		.timeout_s = SPEC_TIMEOUT_S,
		.mtu = SPEC_MTU,
		.hostname = xstrdup(""),
		.upstream_proxy = xstrdup(""),
		.no_proxy = xstrdup(""),
		.audit_path = xstrdup(""),
	};
}

void sandbox_spec_done(struct sandbox_spec *spec)
{
	free(spec->image);
	free(spec->name);
	json_decref(spec->labels);
	free(spec->hostname);
	for (size_t i = 0; i < spec->disk_count; i++)
		disk_mount_done(&spec->disks[i]);
	free(spec->disks);
	strv_free(spec->dns_servers);
	strv_free(spec->add_hosts);
	policy_spec_done(&spec->policy);
	if (spec->upstream_proxy)
		explicit_bzero(spec->upstream_proxy, strlen(spec->upstream_proxy));
	free(spec->upstream_proxy);
	free(spec->no_proxy);
	free(spec->audit_path);
	strv_free(spec->env);
	image_config_done(&spec->image_config);
	*spec = (struct sandbox_spec){0};
}

static int check_range(const char *flag, int64_t value, int64_t min, int64_t max, struct err *err)
{
	if (value < min || value > max)
		return err_set(err, ERR_INVALID, "--%s must be %lld to %lld (MiB), not %lld", flag,
			       (long long)min, (long long)max, (long long)value);
	return 0;
}

/* RFC 1123 labels joined by dots. */
static bool hostname_ok(const char *name)
{
	size_t label = 0; /* bytes of the current label */

	if (strlen(name) > SPEC_HOSTNAME_BYTES)
		return false;
	for (const char *at = name; *at; at++) {
		if (*at == '.') {
			if (label == 0 || at[-1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)*at) && (*at != '-' || label == 0))
			return false;
		if (++label > LABEL_BYTES)
			return false;
	}
	return label > 0 && name[strlen(name) - 1] != '-';
}

/* Letters, digits and "_.-", the first a letter or digit; nothing that an id could be. */
static bool name_ok(const char *name)
{
	static const char id_start[] = "vm-";

	if (!isalnum((unsigned char)*name) || strlen(name) > SPEC_NAME_BYTES ||
	    strncmp(name, id_start, strlen(id_start)) == 0)
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("_.-", *name))
			return false;
	}
	return true;
}

int sandbox_spec_add_label(struct sandbox_spec *spec, const char *label, struct err *err)
{
	size_t len = strcspn(label, "=");
	AUTO_FREE char *key = xstrndup(label, len);

	if (len == 0)
		return err_set(err, ERR_INVALID, "expected KEY=VALUE or KEY");
	if (strlen(label) > SPEC_LABEL_BYTES)
		return err_set(err, ERR_LIMIT, "longer than %d bytes", SPEC_LABEL_BYTES);
	if (!spec->labels)
		spec->labels = json_object();
	if (json_object_size(spec->labels) == SPEC_LABELS)
		return err_set(err, ERR_LIMIT, "more than %d labels", SPEC_LABELS);
	json_object_set_new(spec->labels, key, json_string(label[len] ? label + len + 1 : ""));
	return 0;
}

void sandbox_spec_add_disk(struct sandbox_spec *spec, struct disk_mount *mount)
{
	spec->disks = xreallocarray(spec->disks, spec->disk_count + 1, sizeof(struct disk_mount));
	spec->disks[spec->disk_count++] = *mount;
	*mount = (struct disk_mount){0};
}

static int check_mtu(int64_t mtu, struct err *err)
{
	if (mtu <= 0)
		return err_set(err, ERR_INVALID, "--mtu must be > 0");
	if (mtu < NET_MTU_MIN || mtu > NET_MTU_MAX)
		return err_set(err, ERR_INVALID, "--mtu must be %d to %d, not %lld", NET_MTU_MIN,
			       NET_MTU_MAX, (long long)mtu);
	return 0;
}

static int check_names(const struct sandbox_spec *spec, struct err *err)
{
	struct in6_addr address;

	if (*spec->name && !name_ok(spec->name)) {
		AUTO_FREE char *shown = text_quoted(spec->name);

		return err_set(err, ERR_INVALID,
			       "--name %s is no name: use letters, digits and '_', '.', '-' (not "
			       "first), at most %d bytes, not beginning with \"vm-\" as ids do",
			       shown, SPEC_NAME_BYTES);
	}

	if (*spec->hostname && !hostname_ok(spec->hostname)) {
		AUTO_FREE char *shown = text_quoted(spec->hostname);

		return err_set(
			err, ERR_INVALID,
			"--hostname %s is no host name: use letters, digits and '-' (not first "
			"or last), parts joined by '.', at most %d bytes",
			shown, SPEC_HOSTNAME_BYTES);
	}
	for (size_t i = 0; spec->dns_servers && spec->dns_servers[i]; i++) {
		AUTO_FREE char *shown = text_quoted(spec->dns_servers[i]);

		if (inet_pton(AF_INET, spec->dns_servers[i], &address) != 1 &&
		    inet_pton(AF_INET6, spec->dns_servers[i], &address) != 1)
			return err_set(err, ERR_INVALID,
				       "--dns-servers: %s is not an IPv4 or IPv6 address", shown);
	}
	return 0;
}

int sandbox_spec_check(const struct sandbox_spec *spec, unsigned host_cpus, struct err *err)
{
	if (check_mtu(spec->mtu, err) < 0)
		return -1;
	if (!isfinite(spec->cpus) || spec->cpus <= 0)
		return err_set(err, ERR_INVALID, "--cpus must be a finite number > 0");
	if (ceil(spec->cpus) > host_cpus)
		return err_set(err, ERR_INVALID, "--cpus must be <= host cpus (%u)", host_cpus);
	if (check_range("memory", spec->memory_mb, SPEC_MEMORY_MB_MIN, SPEC_MEMORY_MB_MAX, err) <
		    0 ||
	    check_range("disk-size", spec->disk_size_mb, SPEC_DISK_SIZE_MB_MIN,
			SPEC_DISK_SIZE_MB_MAX, err) < 0)
		return -1;
	return check_names(spec, err);
}

static json_t *number(double value)
{
	if (value == floor(value) && value < 1e9)
		return json_integer((json_int_t)value);
	return json_real(value);
}

static json_t *resources_to_json(const struct sandbox_spec *spec)
{
	json_t *object = json_object();

	json_object_set_new(object, "cpus", number(spec->cpus));
	json_object_set_new(object, "memory_mb", json_integer(spec->memory_mb));
	json_object_set_new(object, "disk_size_mb", json_integer(spec->disk_size_mb));
	json_object_set_new(object, "timeout_seconds", json_integer(spec->timeout_s));
	return object;
}

static json_t *add_hosts_to_json(char *const *mappings)
{
	json_t *array = json_array();

	for (size_t i = 0; mappings[i]; i++) {
		const char *colon = strchr(mappings[i], ':');
		json_t *object = json_object();

		json_object_set_new(object, "host",
				    json_stringn(mappings[i], (size_t)(colon - mappings[i])));
		json_object_set_new(object, "ip", json_string(colon + 1));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *list_to_json(char *const *list)
{
	json_t *array = json_array();

	for (; list && *list; list++)
		json_array_append_new(array, json_string(*list));
	return array;
}

static void set_list(json_t *object, const char *key, char *const *list)
{
	if (list && *list)
		json_object_set_new(object, key, list_to_json(list));
}

static void set_true(json_t *object, const char *key, bool value)
{
	if (value)
		json_object_set_new(object, key, json_true());
}

static void set_text(json_t *object, const char *key, const char *text)
{
	if (*text)
		json_object_set_new(object, key, json_string(text));
}

/* An empty list denies everything, and none nothing: hence `allowed_hosts` even when empty. */
static json_t *network_to_json(const struct sandbox_spec *spec)
{
	const struct policy_spec *policy = &spec->policy;
	json_t *object = json_object();

	if (policy->listed)
		json_object_set_new(object, "allowed_hosts", list_to_json(policy->allow_hosts));
	if (spec->add_hosts && spec->add_hosts[0])
		json_object_set_new(object, "add_hosts", add_hosts_to_json(spec->add_hosts));
	json_object_set_new(object, "block_private_ips", json_boolean(!policy->allow_local_nets));
	set_true(object, "no_network", spec->no_network);
	set_true(object, "intercept", spec->network_intercept);
	set_list(object, "dns_servers", spec->dns_servers);
	set_text(object, "hostname", spec->hostname);
	json_object_set_new(object, "mtu", json_integer(spec->mtu));
	set_list(object, "allow_private", policy->allow_private);
	set_list(object, "allow_host_services", policy->host_services);
	set_true(object, "audit_only", policy->audit_only);
	set_text(object, "audit", spec->audit_path);
	return object;
}

static json_t *disks_to_json(const struct sandbox_spec *spec)
{
	json_t *array = json_array();

	for (size_t i = 0; i < spec->disk_count; i++) {
		const struct disk_mount *mount = &spec->disks[i];
		json_t *object = json_pack("{ss ss}", "host_path", mount->host_path, "guest_mount",
					   mount->guest_mount);

		if (mount->read_only)
			json_object_set_new(object, "readonly", json_true());
		json_array_append_new(array, object);
	}
	return array;
}

json_t *sandbox_spec_to_json(const struct sandbox_spec *spec, const char *id)
{
	json_t *object = json_object(), *image_config;

	json_object_set_new(object, "id", json_string(id));
	json_object_set_new(object, "image", json_string(spec->image));
	if (spec->privileged)
		json_object_set_new(object, "privileged", json_true());
	json_object_set_new(object, "resources", resources_to_json(spec));
	json_object_set_new(object, "network", network_to_json(spec));
	if (spec->disk_count > 0)
		json_object_set_new(object, "extra_disks", disks_to_json(spec));
	if (spec->env && spec->env[0])
		json_object_set_new(object, "env", env_to_json(spec->env));
	image_config = image_config_to_json(&spec->image_config);
	if (json_object_size(image_config) > 0)
		json_object_set(object, "image_config", image_config);
	json_decref(image_config);
	return object;
}
