// SPDX-License-Identifier: Apache-2.0
/* What is shown of network namespaces: a bounded number of series of each, and sums of all. */
#include <string.h>

#include "collectors/namespaces_state.h"
#include "collectors/node_view.h"
#include "collectors/tables/pressure.h"

static const struct metric_family namespace_count = {
    .name = "ephemera_namespaces",
    .help = "Network namespaces of the host, shown or not, by the share of the usable ports that "
	    "their fullest destination has taken: low below 50 %, half below 90 %, high below "
	    "100 %, full with none left.",
    .type = METRIC_GAUGE,
    .labels = {"pressure"},
    .example = "sum by (instance) (ephemera_namespaces{pressure=~\"high|full\"}) > 0",
};
static const struct metric_family worst_ratio = {
    .name = "ephemera_worst_namespace_usage_ratio",
    .help = "Share of the usable ports that the fullest destination of the fullest network "
	    "namespace has taken, of all namespaces, shown or not.",
    .type = METRIC_GAUGE,
    .example = "max by (instance) (ephemera_worst_namespace_usage_ratio) > 0.9",
};
static const struct metric_family unshown = {
    .name = "ephemera_unshown_namespaces",
    .help = "Network namespaces that --namespaces.limit leaves out: the emptiest.",
    .type = METRIC_GAUGE,
    .example = "ephemera_unshown_namespaces > 0",
};
static const struct metric_family untracked = {
    .name = "ephemera_untracked_namespace_ports",
    .help = "Ports of destinations that had no place in memory: if this is not 0, the fullest "
	    "destination of a namespace may be missing in ephemera_namespaces.",
    .type = METRIC_GAUGE,
    .example = "ephemera_untracked_namespace_ports > 0",
};

static const struct metric_family node_view = {
    .name = "ephemera_node_view",
    .help = "1 if the exporter sees this part of the node: the host's own network namespace, all "
	    "cgroups, the pods in --path.pods, the names in --path.netns.",
    .type = METRIC_GAUGE,
    .labels = {"part"},
    .example = "ephemera_node_view{part=~\"network|cgroups|pods\"} == 0",
};

const struct metric_family *const namespaces_families[] = {
    &namespace_count,
    &worst_ratio,
    &unshown,
    &untracked,
    &node_view,
    NULL,
};

/* The most important first: what comes after the last sample that is shown is left out. */
static const struct shown_family {
	const char *name;
	bool shows_zero;
} shown_families[] = {
    {"ephemera_range_usable_ports", true},
    {"ephemera_worst_destination_usage_ratio", false},
    {"ephemera_worst_destination_ports", false},
    {"ephemera_port_exhaustion_errors_total", false},
    {"ephemera_bind_port_exhaustion_errors_total", false},
    {"ephemera_destination_port_exhaustion_errors_total", false},
    {"ephemera_owner_port_exhaustion_errors_total", false},
    {"ephemera_other_destination_port_exhaustion_errors_total", false},
    {"ephemera_other_owner_port_exhaustion_errors_total", false},
    {"ephemera_destination_ports", false},
    {"ephemera_destination_owner_ports", false},
    {"ephemera_worst_accept_queue_usage_ratio", false},
    {"ephemera_other_destination_owner_opens_total", false},
    {"ephemera_other_destination_owner_leases_total", false},
    {"ephemera_other_destination_owner_lease_seconds_total", false},
    {"ephemera_worst_address_usage_ratio", false},
    {"ephemera_time_wait_sockets", false},
    {"ephemera_range_bound_ports", false},
    {"ephemera_range_listener_info", false},
};

#define SHOWN_FAMILIES (sizeof(shown_families) / sizeof(shown_families[0]))

static const struct metric_family *family_of(const struct collector *collector, const char *name)
{
	for (size_t i = 0; collector->families && collector->families[i]; i++)
		if (strcmp(collector->families[i]->name, name) == 0)
			return collector->families[i];
	return NULL;
}

/* Whether an instance of it has something to show. */
static bool has_shown_family(const struct collector *collector)
{
	if (collector->emit_elsewhere)
		return false;
	for (size_t i = 0; i < SHOWN_FAMILIES; i++)
		if (family_of(collector, shown_families[i].name))
			return true;
	return false;
}

/* Flags of which a namespace has less than the host. */
static const struct foreign_value {
	const char *collector;
	const char *flag;
	unsigned long most;
} foreign_values[] = {
    {"destinations", "limit", 3},
    {"destinations", "owners-limit", 1},
    {"destinations", "minimum-ports", 20},
    {"accept_queue", "limit", 0},
};

static void lower(const struct collector *collector, unsigned long *values)
{
	for (size_t i = 0; i < sizeof(foreign_values) / sizeof(foreign_values[0]); i++) {
		const struct foreign_value *lowered = &foreign_values[i];

		if (strcmp(collector->name, lowered->collector) != 0)
			continue;
		for (size_t flag = 0; collector->flags[flag].name; flag++)
			if (strcmp(collector->flags[flag].name, lowered->flag) == 0 &&
			    values[flag] > lowered->most)
				values[flag] = lowered->most;
	}
}

void netns_series_choose(struct namespaces *namespaces, const struct gatherer_options *options)
{
	namespaces->foreign = *options;
	namespaces->foreign.enabled = 0;
	namespaces->foreign.procfs = NULL;
	namespaces->foreign.values =
	    (const unsigned long(*)[COLLECTOR_FLAGS_MAX])namespaces->values;
	for (size_t i = 0; i < options->length; i++) {
		const struct collector *collector = options->collectors[i];

		if (!collector_set_has(options->enabled, i) ||
		    (!options->namespaces->whole && !has_shown_family(collector)))
			continue;
		namespaces->foreign.enabled |= (collector_set)1 << i;
		memcpy(namespaces->values[i], options->values[i], sizeof(namespaces->values[i]));
		if (collector->flags && !options->namespaces->whole)
			lower(collector, namespaces->values[i]);
	}
}

static void add_copy(struct metric_set *set, const struct metric_family *family,
    const struct metric_set *from, size_t position)
{
	const char *labels[METRIC_LABELS_MAX + 1] = {NULL};
	const char *text = metric_set_labels(from, position);

	for (size_t i = 0; family->labels[i]; i++, text += strlen(text) + 1)
		labels[i] = text;
	metric_add(set, family, metric_set_value(from, position), labels);
}

/* Adds the samples of one family, at most *left, which is lowered. */
static void show_family(const struct namespaces *namespaces, const struct shown_family *shown,
    struct metric_set *set, size_t *left)
{
	const struct gatherer_options *options = &namespaces->foreign;
	const struct metric_family *family = NULL;
	size_t position = METRIC_FIRST;

	for (size_t i = 0; i < options->length && !family; i++)
		family = family_of(options->collectors[i], shown->name);
	if (!family)
		return;
	for (position = metric_set_next(namespaces->found, family, position);
	     position != METRIC_END && *left > 0;
	     position = metric_set_next(namespaces->found, family, position)) {
		if (metric_set_value(namespaces->found, position) == 0 && !shown->shows_zero)
			continue;
		add_copy(set, family, namespaces->found, position);
		(*left)--;
	}
}

/* What our own instance counted there. */
static void add_elsewhere(struct instance *own, struct netns *netns, struct metric_set *found)
{
	for (size_t i = 0; i < own->options->length; i++) {
		const struct collector *collector = own->options->collectors[i];

		if (collector->emit_elsewhere && collector_set_has(own->asked, i) &&
		    own->outcomes[i].error == 0)
			own->outcomes[i].error = collector->emit_elsewhere(
			    own->states[i], netns->id, &netns->kept[i], found);
	}
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void show(struct namespaces *namespaces, struct instance *own, struct netns *netns,
    struct metric_set *set)
{
	const struct netns_labels *names = &netns->labels;
	/*
	 * Those that Prometheus would otherwise take from its target are there without a value,
	 * too: with honor_labels a namespace without a name had that of the exporter's pod.
	 */
	const struct metric_label labels[] = {
	    {"netns", names->netns},
	    {"namespace", or_empty(names->namespace_name)},
	    {"pod", or_empty(names->pod)},
	    {"pod_uid", names->pod_uid},
	    {"container", or_empty(names->container)},
	    {NULL, NULL},
	};
	size_t left = namespaces->options.series;

	metric_set_roll_back(namespaces->found, 0);
	instance_emit(netns->instance, namespaces->found);
	add_elsewhere(own, netns, namespaces->found);
	metric_set_surround(set, labels);
	for (size_t i = 0; i < SHOWN_FAMILIES && left > 0; i++)
		show_family(namespaces, &shown_families[i], set, &left);
	metric_set_surround(set, NULL);
}

static void take_outcomes(const struct instance *instance, struct instance *own)
{
	for (size_t i = 0; i < instance->options->length; i++) {
		own->outcomes[i].seconds += instance->outcomes[i].seconds;
		if (own->outcomes[i].error == 0)
			own->outcomes[i].error = instance->outcomes[i].error;
	}
}

static void emit_sums(const struct namespaces *namespaces, size_t shown, struct metric_set *set)
{
	unsigned long pressures[PRESSURES] = {0};
	unsigned long ports = 0;
	double worst = 0;

	for (size_t i = 0; i < namespaces->length; i++) {
		const struct survey_result *result = &namespaces->list[i]->result;

		pressures[pressure_of(result->used, result->usable)]++;
		ports += result->untracked;
		if (result->ratio > worst)
			worst = result->ratio;
	}
	for (enum pressure pressure = 0; pressure < PRESSURES; pressure++)
		metric_add(set, &namespace_count, (double)pressures[pressure],
		    METRIC_LABELS(pressure_name(pressure)));
	metric_add(set, &worst_ratio, worst, METRIC_NO_LABELS);
	metric_add(set, &unshown, (double)(namespaces->length - shown), METRIC_NO_LABELS);
	metric_add(set, &untracked, (double)ports, METRIC_NO_LABELS);
}

static void emit_view(const struct namespaces *namespaces, struct metric_set *set)
{
	const struct netns *own = namespaces_own(namespaces);
	const unsigned parts = node_view_of(own ? &own->entry : &(struct walk_namespace){0},
	    namespaces->cgroups, namespaces->pods, namespaces->options.names);

	for (enum node_view_part part = 0; part < NODE_VIEW_PARTS; part++)
		metric_add(set, &node_view, (parts & 1u << part) != 0,
		    METRIC_LABELS(node_view_name(part)));
}

void namespaces_emit(struct namespaces *namespaces, struct instance *own, struct metric_set *set)
{
	size_t shown = namespaces_own(namespaces) ? 1 : 0;

	for (size_t i = 0; i < namespaces->length; i++) {
		struct netns *netns = namespaces->list[i];

		if (!netns->instance)
			continue;
		show(namespaces, own, netns, set);
		take_outcomes(netns->instance, own);
		shown++;
	}
	emit_sums(namespaces, shown, set);
	emit_view(namespaces, set);
}
