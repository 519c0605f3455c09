// SPDX-License-Identifier: MIT
/*
 * A policy is made of its texts: see policy.h.  All of them are read once, here; what is kept is
 * never changed.  A text that is wrong ends it with an error that names it.
 */
#include "policy/policy_internal.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "base/strv.h"
#include "policy/floor.h"

#include <stdlib.h>
#include <string.h>

DEFINE_AUTO(policy)

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	free(policy->id);
	free(policy->entries);
	free(policy->opened);
	free(policy->pins);
	free(policy->own);
	free(policy);
}

static int read_entries(struct policy *policy, char *const *texts, struct err *err)
{
	policy->entries = xcalloc(strv_count(texts) + 1, sizeof(*policy->entries));
	for (; texts && *texts; texts++) {
		if (host_entry_parse(*texts, &policy->entries[policy->entry_count++], err) < 0)
			return -1;
	}
	return 0;
}

/* A range must name one thing: so wide a one as 0.0.0.0/0 would open more than its writer sees. */
static int check_opened(const struct ip_net *net, const char *text, struct err *err)
{
	const struct floor_range *range = floor_find_net(net), *start = floor_find(&net->base);
	char widest[IP_NET_TEXT];

	if (range && range->opens >= FLOOR_BY_RANGE)
		return 0;
	if (range)
		return err_set(err, ERR_INVALID,
			       "invalid private range '%s': %s is never opened; one port of this "
			       "host is, by --allow-host-service NAME=ADDRESS:PORT",
			       text, range->name);
	if (!start)
		return err_set(err, ERR_INVALID,
			       "invalid private range '%s': it is public; to allow it use "
			       "--allow-host %s",
			       text, text);
	ip_net_format(&start->net, widest);
	return err_set(err, ERR_INVALID,
		       "invalid private range '%s': it is wider than %s; name ranges one by one",
		       text, widest);
}

static int read_opened(struct policy *policy, char *const *texts, struct err *err)
{
	policy->opened = xcalloc(strv_count(texts) + 1, sizeof(*policy->opened));
	for (; texts && *texts; texts++) {
		struct ip_net *net = &policy->opened[policy->opened_count++];

		if (ip_net_parse(*texts, net, err) < 0)
			return err_wrap(err, "invalid private range '%s'", *texts);
		if (check_opened(net, *texts, err) < 0)
			return -1;
	}
	return 0;
}

static int add_service(struct policy *policy, const char *text, struct err *err)
{
	struct host_service *pin = &policy->pins[policy->pin_count];
	const struct floor_range *range;

	if (host_service_parse(text, pin, err) < 0)
		return -1;
	range = floor_find(&pin->ip);
	if (range && range->opens < FLOOR_BY_SERVICE)
		return err_set(err, ERR_INVALID, "invalid host service '%s': %s is never opened",
			       text, range->name);
	policy->pin_count++;
	return 0;
}

/* A name that no network has, a loopback or multicast address: they are good for /etc/hosts of the
 * guest, but lead nowhere. */
static int add_host(struct policy *policy, const char *mapping, struct err *err)
{
	const char *colon = strchr(mapping, ':');
	AUTO_FREE char *name = xstrndup(mapping, colon ? (size_t)(colon - mapping) : 0);
	struct host_service *pin = &policy->pins[policy->pin_count];
	const struct floor_range *range;

	if (!colon || !ip_parse(colon + 1, &pin->ip))
		return err_set(err, ERR_INVALID, "invalid host mapping '%.200s'", mapping);
	range = floor_find(&pin->ip);
	if (host_name_read(name, pin->name) && (!range || range->opens >= FLOOR_BY_RANGE))
		policy->pin_count++;
	return 0;
}

static int read_pins(struct policy *policy, char *const *services, char *const *add_hosts,
		     struct err *err)
{
	size_t count = strv_count(services) + strv_count(add_hosts);

	policy->pins = xcalloc(count + 1, sizeof(*policy->pins));
	for (; services && *services; services++) {
		if (add_service(policy, *services, err) < 0)
			return -1;
	}
	for (; add_hosts && *add_hosts; add_hosts++) {
		if (add_host(policy, *add_hosts, err) < 0)
			return -1;
	}
	return 0;
}

int policy_new(const struct policy_spec *spec, const struct policy_facts *facts,
	       struct policy **ret_policy, struct err *err)
{
	AUTO(auto_policy) struct policy *policy = xcalloc(1, sizeof(*policy));

	policy->id = facts->id ? xstrdup(facts->id) : NULL;
	policy->open = !spec->listed || spec->audit_only;
	policy->local_nets = spec->allow_local_nets;
	policy->own = xcalloc(facts->host_ip_count + 1, sizeof(*policy->own));
	for (size_t i = 0; i < facts->host_ip_count; i++)
		policy->own[policy->own_count++] = facts->host_ips[i];
	if (read_entries(policy, spec->allow_hosts, err) < 0 ||
	    read_opened(policy, spec->allow_private, err) < 0 ||
	    read_pins(policy, spec->host_services, facts->add_hosts, err) < 0)
		return -1;
	*ret_policy = STEAL(policy);
	return 0;
}
