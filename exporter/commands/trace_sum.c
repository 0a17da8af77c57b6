// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_sum.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/exhausted_owners.h"
#include "exporter/commands/trace_print.h"

/* The tables that are summed up. */
struct tables {
	const struct exhaustion_shared *shared;
	struct tally_top *destinations;
	struct tally_top *owners;
	struct tally_top *conflicts;
};

static unsigned long count_calls(const struct exhaustion_shared *shared)
{
	unsigned long calls = 0;

	for (enum exhausted_call call = 0; call < EXHAUSTED_CALLS; call++)
		for (int family = 0; family < EXHAUSTED_FAMILIES; family++)
			calls += shared->failures[call][family];
	return calls;
}

static int open_tables(const struct trace_counted *counted, struct tables *tables)
{
	const struct exhaustion_probe *probe = counted->probe;
	const struct trace_tally *tally = counted->tally;
	const size_t limit = counted->options->limit;

	tables->shared = tally ? &tally->shared : probe->shared;
	tables->destinations = tally_top_new(
	    tally ? tally->destinations : probe->destinations, TALLY_DESTINATIONS, limit);
	tables->owners = tally_top_new(tally ? tally->owners : probe->owners, TALLY_OWNERS, limit);
	tables->conflicts =
	    tally_top_new(tally ? tally->conflicts : probe->conflicts, TALLY_CONFLICTS, limit);
	return tables->destinations && tables->owners && tables->conflicts ? 0 : -ENOMEM;
}

static void sum_conflicts(const struct tables *tables, struct traced_sum *sum)
{
	uint64_t others = 0;

	sum->ports_length = tally_top_look(tables->conflicts, &sum->ports, &others);
	sum->other_ports = others + tables->shared->untracked_conflicts;
	sum->conflicts = sum->other_ports;
	for (size_t i = 0; i < sum->ports_length; i++)
		sum->conflicts += sum->ports[i].count;
}

/* Of all calls that the kernel counted, asked for or not. */
static int sum_lost(const struct trace_counted *counted, struct traced_sum *sum)
{
	struct tally_top *conflicts;
	const struct tally_shown *unused;
	uint64_t others = 0;

	if (!counted->tally) {
		sum->lost = sum->calls + sum->conflicts - counted->shown;
		return 0;
	}
	conflicts = tally_top_new(counted->probe->conflicts, TALLY_CONFLICTS, 0);
	if (!conflicts)
		return -ENOMEM;
	(void)tally_top_look(conflicts, &unused, &others);
	tally_top_free(conflicts);
	sum->is_part = true;
	sum->others = counted->others;
	sum->lost = count_calls(counted->probe->shared) + others +
		    counted->probe->shared->untracked_conflicts - counted->shown - counted->others;
	return 0;
}

static void sum_namespaces(const struct trace_counted *counted, struct traced_sum *sum)
{
	sum->has_namespaces = counted->namespaces != NULL;
	if (!sum->has_namespaces)
		return;
	sum->namespaces = trace_namespaces_list(counted->namespaces, counted->options->limit,
	    &sum->namespaces_length, &sum->other_namespaces);
	if (!sum->is_part)
		sum->other_namespaces += sum->lost;
}

static int print_sum(
    const struct trace_counted *counted, const struct tables *tables, struct traced_sum *sum)
{
	struct owner_name *names = NULL;
	uint64_t others = 0;
	int result;

	sum->destinations_length =
	    tally_top_look(tables->destinations, &sum->destinations, &others);
	sum->other_destinations = others + tables->shared->untracked_destinations;
	sum_conflicts(tables, sum);
	result = sum_lost(counted, sum);
	if (result < 0)
		return result;
	sum_namespaces(counted, sum);
	result = exhausted_owners_list(
	    tables->owners, counted->cgroups, &names, &sum->owners_length, &others);
	if (result == 0) {
		sum->owners = names;
		sum->other_owners = others + tables->shared->untracked_owners;
		result =
		    counted->options->json ? trace_print_sum_json(sum) : trace_print_sum_text(sum);
	}
	owner_names_free(names, sum->owners_length);
	return result;
}

int trace_sum_print(const struct trace_counted *counted)
{
	struct tables tables = {0};
	struct trace_lost_sum packets = {.list = NULL};
	struct traced_sum sum = {.seconds = counted->seconds};
	int result = open_tables(counted, &tables);

	if (result == 0 && counted->lost) {
		result = trace_lost_sum(counted->lost, &packets);
		sum.packets = &packets;
	}
	if (result == 0) {
		sum.calls = count_calls(tables.shared);
		result = print_sum(counted, &tables, &sum);
	}
	free(packets.list);
	tally_top_free(tables.destinations);
	tally_top_free(tables.owners);
	tally_top_free(tables.conflicts);
	return result;
}
