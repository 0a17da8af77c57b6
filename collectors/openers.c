// SPDX-License-Identifier: Apache-2.0
#include "collectors/openers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/exhausted_destinations.h"
#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/clock.h"
#include "collectors/owner_labels.h"
#include "collectors/tables/opener_top.h"
#include "collectors/tables/owner_names.h"

#define LABELS "destination", "destination_port", OWNER_LABELS

const struct metric_family opener_opens = {
    .name = "ephemera_destination_owner_opens_total",
    .help = "Outgoing TCP connections that got a port, by destination and cgroup, established or "
	    "not: who opens them, and so who leaves TIME_WAIT behind. Only the pairs that opened "
	    "the most of late, up to --collector.exhaustion.openers-limit.",
    .type = METRIC_COUNTER,
    .labels = {LABELS},
    .example = "topk(10, rate(ephemera_destination_owner_opens_total[5m]))",
};
const struct metric_family opener_leases = {
    .name = "ephemera_destination_owner_leases_total",
    .help = "Leases of the same pairs that have ended, as in ephemera_port_lease_seconds.",
    .type = METRIC_COUNTER,
    .labels = {LABELS},
    .example = "rate(ephemera_destination_owner_lease_seconds_total[5m]) / "
	       "rate(ephemera_destination_owner_leases_total[5m])",
};
const struct metric_family opener_lease_seconds = {
    .name = "ephemera_destination_owner_lease_seconds_total",
    .help = "How long the leases of the same pairs held their ports, including TIME_WAIT. Its "
	    "rate is the number of ports that they hold on average.",
    .type = METRIC_COUNTER,
    .labels = {LABELS},
    .example = "topk(10, rate(ephemera_destination_owner_lease_seconds_total[10m]))",
};
const struct metric_family other_opener_opens = {
    .name = "ephemera_other_destination_owner_opens_total",
    .help = "Outgoing TCP connections that got a port, of all other pairs of a destination and a "
	    "cgroup while they were not shown.",
    .type = METRIC_COUNTER,
    .example = "rate(ephemera_other_destination_owner_opens_total[5m])",
};
const struct metric_family other_opener_leases = {
    .name = "ephemera_other_destination_owner_leases_total",
    .help = "Leases that have ended, of all other pairs while they were not shown.",
    .type = METRIC_COUNTER,
    .example = "rate(ephemera_other_destination_owner_leases_total[5m])",
};
const struct metric_family other_opener_lease_seconds = {
    .name = "ephemera_other_destination_owner_lease_seconds_total",
    .help = "How long these held their ports.",
    .type = METRIC_COUNTER,
    .example = "rate(ephemera_other_destination_owner_lease_seconds_total[10m])",
};

/* One that is shown. A service that was restarted has a new cgroup, and goes on with its series. */
struct shown {
	struct tally_key destination;
	char *path;
	struct lease_counts counts;
};

struct opener_series {
	const struct exhaustion_probe *probe;
	struct cgroups *cgroups;
	struct pods *pods;
	struct opener_top *top;
	size_t length;
	struct shown *list;
	/* To all that were shown when they grew: the rest is the others'. */
	struct lease_counts attributed;
	struct lease_counts others;
};

static void free_list(struct shown *list, size_t length)
{
	for (size_t i = 0; i < length; i++)
		free(list[i].path);
	free(list);
}

struct opener_series *opener_series_new(
    const struct exhaustion_probe *probe, struct cgroups *cgroups, struct pods *pods, size_t limit)
{
	struct opener_series *series = calloc(1, sizeof(*series));

	if (!series)
		return NULL;
	series->probe = probe;
	series->cgroups = cgroups;
	series->pods = pods;
	series->top = opener_top_new(probe->openers, limit);
	if (series->top)
		return series;
	free(series);
	return NULL;
}

void opener_series_free(struct opener_series *series)
{
	if (!series)
		return;
	free_list(series->list, series->length);
	opener_top_free(series->top);
	free(series);
}

static void add_counts(struct lease_counts *sum, const struct lease_counts *more)
{
	sum->opens += more->opens;
	sum->leases += more->leases;
	sum->held_ns += more->held_ns;
}

static struct shown *find(
    struct shown *list, size_t length, const struct tally_key *destination, const char *path)
{
	for (size_t i = 0; i < length; i++)
		if (memcmp(&list[i].destination, destination, sizeof(*destination)) == 0 &&
		    strcmp(list[i].path, path) == 0)
			return &list[i];
	return NULL;
}

/* Goes on where the series was at the look before; else it begins with what it has grown by. */
static void show(struct opener_series *series, struct shown *list, size_t *length,
    const struct opener_grown *grown, struct owner_name *name)
{
	struct tally_key destination;
	struct shown *shown;

	memcpy(&destination, &grown->key, sizeof(destination));
	shown = find(list, *length, &destination, name->path);
	if (!shown) {
		const struct shown *before =
		    find(series->list, series->length, &destination, name->path);

		shown = &list[(*length)++];
		shown->destination = destination;
		shown->path = name->path;
		name->path = NULL;
		if (before)
			shown->counts = before->counts;
	}
	add_counts(&shown->counts, &grown->counts);
	add_counts(&series->attributed, &grown->counts);
}

/* Finds the names of the first `length` of what has grown, one list of one owner for each. */
static int name_all(struct opener_series *series, const struct opener_grown *grown, size_t length,
    struct owned *lists, struct owner *owners)
{
	for (size_t i = 0; i < length; i++) {
		owners[i] = (struct owner){grown[i].key.words[3], grown[i].counts.opens};
		lists[i] = (struct owned){.owners = &owners[i], .owners_length = 1};
	}
	return owner_names_lists(series->cgroups, lists, length);
}

static int look(struct opener_series *series)
{
	const struct timespec now = clock_now();
	const struct opener_grown *grown;
	const size_t length =
	    opener_top_look(series->top, (double)now.tv_sec + (double)now.tv_nsec * 1e-9, &grown);
	const size_t room = length ? length : 1;
	struct shown *list = calloc(room, sizeof(*list));
	cleanup_free struct owned *lists = calloc(room, sizeof(*lists));
	cleanup_free struct owner *owners = calloc(room, sizeof(*owners));
	size_t shown = 0;
	int result =
	    list && lists && owners ? name_all(series, grown, length, lists, owners) : -ENOMEM;

	for (size_t i = 0; i < length && result == 0; i++)
		show(series, list, &shown, &grown[i], &lists[i].names[0]);
	for (size_t i = 0; lists && i < length; i++)
		owner_names_free(lists[i].names, lists[i].length);
	if (result < 0) {
		free(list);
		return result;
	}
	free_list(series->list, series->length);
	series->list = list;
	series->length = shown;
	return 0;
}

static void emit_one(const struct opener_series *series, const struct shown *shown,
    struct metric_set *set, bool has_leases)
{
	const struct owner_labels owner = owner_labels_of(series->pods, shown->path);
	char text[SOCKET_ADDRESS_TEXT];
	char port[DESTINATION_PORT_TEXT];

	exhausted_destination_labels(&shown->destination, text, port);

	const char *const labels[METRIC_LABELS_MAX + 1] = {text, port, OWNER_VALUES(owner)};

	metric_add(set, &opener_opens, (double)shown->counts.opens, labels);
	if (!has_leases)
		return;
	metric_add(set, &opener_leases, (double)shown->counts.leases, labels);
	metric_add(set, &opener_lease_seconds, (double)shown->counts.held_ns * 1e-9, labels);
}

/* Read after the look: what was attributed is in it. */
static struct lease_counts count_all(const struct exhaustion_probe *probe)
{
	struct lease_counts all = {0};

	for (unsigned i = 0; i < probe->processors; i++) {
		const struct lease_histograms *one = &probe->histograms[i];

		all.opens += exhaustion_read(&one->opens);
		for (size_t bucket = 0; bucket < LEASE_BUCKETS; bucket++)
			all.leases += exhaustion_read(&one->held.counts[bucket]);
		all.held_ns += exhaustion_read(&one->held.sum_ns);
	}
	return all;
}

/*
 * The sum of all may have what its place has only at the next look, which then takes it from the
 * others. They must not fall: Prometheus would take it for a restart.
 */
static void raise(__u64 *others, uint64_t all, uint64_t attributed)
{
	if (all > attributed && all - attributed > *others)
		*others = all - attributed;
}

static void count_others(struct opener_series *series)
{
	const struct lease_counts all = count_all(series->probe);

	raise(&series->others.opens, all.opens, series->attributed.opens);
	raise(&series->others.leases, all.leases, series->attributed.leases);
	raise(&series->others.held_ns, all.held_ns, series->attributed.held_ns);
}

int opener_series_emit(struct opener_series *series, struct metric_set *set)
{
	const bool has_leases = series->probe->histograms_length != 0;
	const int result = look(series);

	if (result < 0)
		return result;
	count_others(series);
	for (size_t i = 0; i < series->length; i++)
		emit_one(series, &series->list[i], set, has_leases);
	metric_add(set, &other_opener_opens, (double)series->others.opens, METRIC_NO_LABELS);
	if (!has_leases)
		return 0;
	metric_add(set, &other_opener_leases, (double)series->others.leases, METRIC_NO_LABELS);
	metric_add(set, &other_opener_lease_seconds, (double)series->others.held_ns * 1e-9,
	    METRIC_NO_LABELS);
	return 0;
}
