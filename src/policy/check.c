// SPDX-License-Identifier: MIT
/*
 * The decisions: see policy.h.  A host is read into its one form, or denied; a name is looked for
 * among the host services, then on the list; a literal address among the mapped hosts, then on the
 * list, and must be above the floor.  What is in no table is denied.
 */
#include "policy/policy_internal.h"

#include "policy/match.h"

#include <stdio.h>
#include <string.h>

enum { PORT_HTTP = 80, PORT_HTTPS = 443 };

/* NULL, or what is wrong with the host. */
static const char *read_subject(const struct policy_ask *ask, struct subject *ret_subject)
{
	const char *host = ask->host ? ask->host : "";
	size_t len = strlen(host);
	char address[IP_TEXT] = "";

	*ret_subject = (struct subject){.protocol = ask->protocol, .port = ask->port};
	if (len == 0)
		return "no host name was given";
	if (host[0] == '[' && host[len - 1] == ']') {
		if (len - 2 >= sizeof(address))
			return "not a host name or an address";
		memcpy(address, host + 1, len - 2);
		host = strchr(address, ':') ? address : "";
	}
	if (ip_parse(host, &ret_subject->ip))
		return ask->protocol == POLICY_DNS ? "an address is not a name" : NULL;
	return host_name_read(host, ret_subject->name) ? NULL : "not a host name or an address";
}

/* An entry without a port allows the web: TLS at 443, HTTP at 80. */
static bool is_web(const struct subject *subject, enum policy_needs *ret_needs)
{
	bool connect = subject->protocol == POLICY_CONNECT;

	if (subject->port == PORT_HTTPS && (connect || subject->protocol == POLICY_TLS))
		*ret_needs = POLICY_NEEDS_TLS;
	else if (subject->port == PORT_HTTP && (connect || subject->protocol == POLICY_HTTP))
		*ret_needs = POLICY_NEEDS_HTTP;
	else
		return false;
	return true;
}

static bool entry_has_host(const struct host_entry *entry, const struct subject *subject)
{
	if (!entry->name[0])
		return !subject->name[0] && ip_net_contains(&entry->net, &subject->ip);
	if (!subject->name[0])
		return strcmp(entry->name, "*") == 0;
	return match_name(entry->name, subject->name);
}

/* For an entry that has the host. */
static bool entry_allows(const struct host_entry *entry, const struct subject *subject,
			 enum policy_needs *ret_needs)
{
	bool any_name = !entry->name[0] || strcmp(entry->name, "*") == 0;

	*ret_needs = any_name ? POLICY_NEEDS_NOTHING : POLICY_NEEDS_NAME;
	if (subject->protocol == POLICY_DNS)
		return true;
	if (entry->port == 0)
		return any_name || is_web(subject, ret_needs);
	return entry->port == subject->port;
}

/* The entry that allows it and needs the least; NULL if none does. */
static const struct host_entry *find_entry(const struct policy *policy,
					   const struct subject *subject,
					   enum policy_needs *ret_needs, bool *ret_host_listed)
{
	const struct host_entry *found = NULL;
	enum policy_needs needs;

	*ret_host_listed = false;
	for (size_t i = 0; i < policy->entry_count; i++) {
		const struct host_entry *entry = &policy->entries[i];

		if (!entry_has_host(entry, subject))
			continue;
		*ret_host_listed = true;
		if (!entry_allows(entry, subject, &needs) || (found && needs >= *ret_needs))
			continue;
		found = entry;
		*ret_needs = needs;
	}
	return found;
}

/* On the list, or there is none. */
static bool check_list(const struct policy *policy, const struct subject *subject,
		       const struct closed *closed, struct policy_verdict *ret_verdict)
{
	enum policy_needs needs = POLICY_NEEDS_NOTHING;
	char entry[HOST_ENTRY_TEXT], rule[POLICY_RULE_TEXT] = "";
	const struct host_entry *found;
	bool host_listed;

	if (!policy->open) {
		found = find_entry(policy, subject, &needs, &host_listed);
		if (!found) {
			verdict_not_listed(policy, subject, host_listed, closed, ret_verdict);
			return false;
		}
		host_entry_format(found, entry);
		snprintf(rule, sizeof(rule), "allow-host %s", entry);
	}
	if (closed) {
		verdict_closed(subject, closed, 1, ret_verdict);
		return false;
	}
	verdict_allow(subject, needs, rule, ret_verdict);
	return true;
}

static bool check_name(const struct policy *policy, const struct subject *subject,
		       struct policy_verdict *ret_verdict)
{
	char service[HOST_SERVICE_TEXT], rule[POLICY_RULE_TEXT];

	for (size_t i = 0; i < policy->pin_count; i++) {
		const struct host_service *pin = &policy->pins[i];

		if (pin->port == 0 || strcmp(pin->name, subject->name) != 0 ||
		    (pin->port != subject->port && subject->protocol != POLICY_DNS))
			continue;
		host_service_format(pin, service);
		snprintf(rule, sizeof(rule), "allow-host-service %s", service);
		verdict_allow(subject, POLICY_NEEDS_NOTHING, rule, ret_verdict);
		return true;
	}
	return check_list(policy, subject, NULL, ret_verdict);
}

static bool has_ip(const struct ip *ips, size_t count, const struct ip *ip)
{
	for (size_t i = 0; i < count; i++) {
		if (ip_equals(&ips[i], ip))
			return true;
	}
	return false;
}

static bool is_own(const struct policy *policy, const struct ip *ip)
{
	struct ip carried;

	return has_ip(policy->own, policy->own_count, ip) ||
	       (floor_nat64(ip, &carried) && has_ip(policy->own, policy->own_count, &carried));
}

static bool is_opened(const struct policy *policy, const struct floor_range *range,
		      const struct ip *ip)
{
	if (policy->local_nets && range->opens >= FLOOR_BY_LOCAL_NET)
		return true;
	if (range->opens < FLOOR_BY_RANGE)
		return false;
	for (size_t i = 0; i < policy->opened_count; i++) {
		if (ip_net_contains(&policy->opened[i], ip))
			return true;
	}
	return false;
}

/* Is the address below the floor?  The host's own come first: nothing of a range opens them. */
static bool is_closed(const struct policy *policy, const struct ip *ip, struct closed *ret_closed)
{
	const struct floor_range *range = floor_find(ip);

	*ret_closed = (struct closed){*ip, range};
	if (range && range->opens < FLOOR_BY_RANGE)
		return true;
	if (is_own(policy, ip)) {
		ret_closed->range = NULL;
		return true;
	}
	return range && !is_opened(policy, range, ip);
}

/* An address that --add-host gave to names is each of these names; else it is itself. */
static bool check_literal(const struct policy *policy, const struct subject *subject,
			  struct policy_verdict *ret_verdict)
{
	struct policy_verdict of_name;
	struct closed closed;
	bool mapped = false;

	for (size_t i = 0; i < policy->pin_count; i++) {
		const struct host_service *pin = &policy->pins[i];
		struct subject named = *subject;

		if (pin->port != 0 || !ip_equals(&pin->ip, &subject->ip))
			continue;
		memcpy(named.name, pin->name, sizeof(named.name));
		if (check_list(policy, &named, NULL, &of_name)) {
			*ret_verdict = of_name;
			return true;
		}
		mapped = true;
	}
	if (check_list(policy, subject, is_closed(policy, &subject->ip, &closed) ? &closed : NULL,
		       ret_verdict))
		return true;
	if (mapped)
		*ret_verdict = of_name;
	return false;
}

bool policy_check(const struct policy *policy, const struct policy_ask *ask,
		  struct policy_verdict *ret_verdict)
{
	struct subject subject;
	const char *wrong = read_subject(ask, &subject);

	if (wrong) {
		verdict_invalid(wrong, ret_verdict);
		return false;
	}
	return subject.name[0] ? check_name(policy, &subject, ret_verdict)
			       : check_literal(policy, &subject, ret_verdict);
}

static bool is_pin_of(const struct host_service *pin, const char *name, uint16_t port)
{
	return strcmp(pin->name, name) == 0 && (pin->port == 0 || pin->port == port);
}

static bool is_pinned(const struct policy *policy, const struct subject *subject,
		      const struct ip *ip)
{
	for (size_t i = 0; i < policy->pin_count; i++) {
		if (is_pin_of(&policy->pins[i], subject->name, subject->port) &&
		    ip_equals(&policy->pins[i].ip, ip))
			return true;
	}
	return false;
}

bool policy_check_ips(const struct policy *policy, const struct policy_ask *ask,
		      const struct ip *ips, size_t count, struct policy_verdict *ret_verdict)
{
	struct closed closed[CLOSED_SHOWN];
	struct subject subject;
	const char *wrong = read_subject(ask, &subject);
	size_t closed_count = 0;

	if (!wrong && count == 0)
		wrong = "the name has no address";
	if (wrong) {
		verdict_invalid(wrong, ret_verdict);
		return false;
	}
	for (size_t i = 0; i < count && closed_count < CLOSED_SHOWN; i++) {
		if (!is_pinned(policy, &subject, &ips[i]) &&
		    is_closed(policy, &ips[i], &closed[closed_count]))
			closed_count++;
	}
	if (closed_count > 0)
		verdict_closed(&subject, closed, closed_count, ret_verdict);
	else
		verdict_allow(&subject, POLICY_NEEDS_NOTHING, "", ret_verdict);
	return closed_count == 0;
}

/* Host services stand before the mapped hosts, and hide them. */
size_t policy_pinned(const struct policy *policy, const char *name, uint16_t port,
		     struct ip *ret_ips, size_t max)
{
	bool is_service = false;
	size_t count = 0;

	for (size_t i = 0; i < policy->pin_count; i++) {
		const struct host_service *pin = &policy->pins[i];

		if (pin->port == 0 && is_service)
			break;
		if (!is_pin_of(pin, name, port))
			continue;
		is_service = pin->port != 0;
		if (count < max)
			ret_ips[count] = pin->ip;
		count++;
	}
	return count;
}

enum policy_known policy_known(const struct policy *policy, const char *name)
{
	enum policy_known known = POLICY_UNNAMED;

	for (size_t i = 0; i < policy->pin_count; i++) {
		if (strcmp(policy->pins[i].name, name) == 0)
			return POLICY_PINNED;
	}
	for (size_t i = 0; i < policy->entry_count; i++) {
		const char *entry = policy->entries[i].name;

		if (strcmp(entry, name) == 0)
			return POLICY_NAMED;
		if (entry[0] && strcmp(entry, "*") != 0 && match_name(entry, name))
			known = POLICY_PATTERN;
	}
	return known;
}
