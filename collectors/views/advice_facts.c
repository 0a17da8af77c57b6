// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/advice_facts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/gather.h"
#include "collectors/kernel/procfs.h"
#include "collectors/registry.h"

extern const struct collector accept_queue_collector;
extern const struct collector addresses_collector;
extern const struct collector time_wait_collector;

/* Advice is about the fullest destination; a few more show whose connections they are. */
#define DESTINATIONS 20

enum { SERVICES, DESTINATIONS_FOUND, QUEUES, TIME_WAITS, ADDRESSES, ASKED };

static const struct collector *const asked[] = {
    [SERVICES] = &service_ports_view,
    [DESTINATIONS_FOUND] = &destination_finder,
    [QUEUES] = &accept_queue_collector,
    [TIME_WAITS] = &time_wait_collector,
    [ADDRESSES] = &addresses_collector,
};

#define ALL ((1u << ASKED) - 1)

/* The biggest value of a family, and its labels in *ret_labels; 0: it has no sample. */
static unsigned long biggest(const struct metric_set *set, const struct collector *collector,
    const char *name, const char **ret_labels)
{
	const struct metric_family *family = collector_family(collector, name);
	double most = 0;

	for (size_t at = metric_set_next(set, family, METRIC_FIRST); at != METRIC_END;
	     at = metric_set_next(set, family, at)) {
		if (metric_set_value(set, at) <= most)
			continue;
		most = metric_set_value(set, at);
		if (ret_labels)
			*ret_labels = metric_set_labels(set, at);
	}
	return (unsigned long)most;
}

static unsigned long sum(
    const struct metric_set *set, const struct collector *collector, const char *name)
{
	const struct metric_family *family = collector_family(collector, name);
	double all = 0;

	for (size_t at = metric_set_next(set, family, METRIC_FIRST); at != METRIC_END;
	     at = metric_set_next(set, family, at))
		all += metric_set_value(set, at);
	return (unsigned long)all;
}

/* The collector shows the fullest queue first. */
static void take_queue(struct advice_facts *facts)
{
	const struct metric_family *sockets =
	    collector_family(&accept_queue_collector, "ephemera_accept_queue_sockets");
	const struct metric_family *limit =
	    collector_family(&accept_queue_collector, "ephemera_accept_queue_limit_sockets");
	const size_t first = metric_set_next(facts->set, sockets, METRIC_FIRST);
	const size_t its_limit = metric_set_next(facts->set, limit, METRIC_FIRST);

	if (first == METRIC_END || its_limit == METRIC_END)
		return;
	facts->queue.address = metric_set_labels(facts->set, first);
	facts->queue.port = facts->queue.address + strlen(facts->queue.address) + 1;
	facts->queue.sockets = (unsigned long)metric_set_value(facts->set, first);
	facts->queue.limit = (unsigned long)metric_set_value(facts->set, its_limit);
}

static unsigned count_udp(const struct metric_set *set)
{
	const struct metric_family *family =
	    collector_family(&addresses_collector, "ephemera_address_ports");
	double most = 0;

	for (size_t at = metric_set_next(set, family, METRIC_FIRST); at != METRIC_END;
	     at = metric_set_next(set, family, at))
		if (strcmp(metric_set_labels(set, at), "udp") == 0 &&
		    metric_set_value(set, at) > most)
			most = metric_set_value(set, at);
	return (unsigned)most;
}

static void take_samples(struct advice_facts *facts)
{
	take_queue(facts);
	facts->time_wait = sum(facts->set, &time_wait_collector, "ephemera_time_wait_sockets");
	facts->time_wait_limit =
	    biggest(facts->set, &time_wait_collector, "ephemera_time_wait_limit_sockets", NULL);
	facts->udp_ports = count_udp(facts->set);
}

static int take(
    struct gatherer *gatherer, const struct gathering *gathering, struct advice_facts *facts)
{
	struct destination_rows *rows;

	/* Without these two there is no advice; the others add to it. */
	if (gathering->outcomes[SERVICES].error < 0)
		return gathering->outcomes[SERVICES].error;
	if (gathering->outcomes[DESTINATIONS_FOUND].error < 0)
		return gathering->outcomes[DESTINATIONS_FOUND].error;
	facts->services = *service_ports_found(gatherer_state(gatherer, SERVICES));
	facts->services.facts.holders.stamps = NULL; /* it is the gatherer's */
	rows = destination_rows_take(gatherer_state(gatherer, DESTINATIONS_FOUND));
	facts->rows = rows;
	rows->source = source_used(gatherer_source(gatherer), SOCKET_TCP);
	take_samples(facts);
	return destination_rows_name_owners(gatherer_cgroups(gatherer), rows);
}

static int look(const struct source_options *source, const char *sysfs, struct advice_facts *facts)
{
	unsigned long values[ASKED][COLLECTOR_FLAGS_MAX] = {{0}};
	const struct gatherer_options options = {
	    .collectors = asked,
	    .length = ASKED,
	    .enabled = ALL,
	    .values = values,
	    .procfs = source->procfs,
	    .sysfs = sysfs,
	    .refresh_sockets = ULONG_MAX,
	    .bind_buckets = source->buckets,
	};
	struct gathering gathering;
	struct gatherer *gatherer;

	for (size_t i = 0; i < ASKED; i++)
		for (size_t j = 0; asked[i]->flags && asked[i]->flags[j].name; j++)
			values[i][j] = asked[i]->flags[j].initial;
	values[DESTINATIONS_FOUND][0] = DESTINATIONS;

	int result = gatherer_open(&options, source, &gatherer);

	if (result < 0)
		return result;
	result = gather(gatherer, ALL, NULL, NULL, facts->set, &gathering);
	if (result == 0)
		result = take(gatherer, &gathering, facts);
	gatherer_free(gatherer);
	return result;
}

/* Which listeners inside the range chose their ports: sock_diag tells it for the few that there
 * are. */
static int look_at_listeners(
    const struct source_options *source, const char *sysfs, struct advice_facts *facts)
{
	const struct port_lookup_options options = {
	    .source = source,
	    .sysfs = sysfs,
	    .limit = 1,
	    .local_only = true,
	};
	const struct settings *settings = &facts->services.facts.settings;
	struct portset ports = {0};

	portset_add_range(&ports, settings->range);
	portset_keep(&ports, &facts->services.tcp);
	portset_remove(&ports, &settings->reserved);
	return portset_count(&ports) ? port_lookup_run(&options, &ports, &facts->listeners) : 0;
}

static int read_setting(const char *procfs, const char *name)
{
	int number;

	return procfs_read_number(procfs, name, &number) < 0 ? SETTING_ABSENT : number;
}

/* The kubelet makes it, by either driver of cgroups. */
static bool has_pods(const char *sysfs)
{
	static const char *const names[] = {"kubepods", "kubepods.slice"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (snprintf(path, sizeof(path), "%s/fs/cgroup/%s", sysfs, names[i]) <
			(int)sizeof(path) &&
		    access(path, F_OK) == 0)
			return true;
	return false;
}

int advice_facts_read(
    const struct source_options *source, const char *sysfs, struct advice_facts **ret_facts)
{
	struct advice_facts *facts = calloc(1, sizeof(*facts));
	int result = -ENOMEM;

	if (!facts)
		return result;
	facts->set = metric_set_new();
	if (facts->set)
		result = look(source, sysfs, facts);
	if (result == 0)
		result = look_at_listeners(source, sysfs, facts);
	if (result < 0) {
		advice_facts_free(facts);
		return result;
	}
	facts->services.facts.settings.node_ports = source->node_ports;
	facts->timestamps = read_setting(source->procfs, "sys/net/ipv4/tcp_timestamps");
	facts->orphan_retries = read_setting(source->procfs, "sys/net/ipv4/tcp_orphan_retries");
	facts->established_timeout =
	    read_setting(source->procfs, "sys/net/netfilter/nf_conntrack_tcp_timeout_established");
	facts->conntrack_entries =
	    read_setting(source->procfs, "sys/net/netfilter/nf_conntrack_count");
	facts->conntrack_limit = read_setting(source->procfs, "sys/net/netfilter/nf_conntrack_max");
	facts->somaxconn = read_setting(source->procfs, "sys/net/core/somaxconn");
	facts->is_node = has_pods(sysfs);
	*ret_facts = facts;
	return 0;
}

void advice_facts_free(struct advice_facts *facts)
{
	if (!facts)
		return;
	destination_rows_free(facts->rows);
	port_lookup_free(facts->listeners);
	snat_rows_free(facts->snat);
	metric_set_free(facts->set);
	free(facts);
}
