// SPDX-License-Identifier: Apache-2.0
#include "collectors/registry.h"

#include <stdio.h>
#include <string.h>

extern const struct collector range_collector;
extern const struct collector binds_collector;
extern const struct collector sockets_collector;
extern const struct collector destinations_collector;
extern const struct collector addresses_collector;
extern const struct collector accept_queue_collector;
extern const struct collector time_wait_collector;
extern const struct collector churn_collector;
extern const struct collector owners_collector;
extern const struct collector exhaustion_collector;
extern const struct collector snat_collector;

const struct collector *const collectors[] = {
    &range_collector,
    &binds_collector,
    &sockets_collector,
    &destinations_collector,
    &addresses_collector,
    &accept_queue_collector,
    &time_wait_collector,
    &churn_collector,
    &owners_collector,
    &exhaustion_collector,
    &snat_collector,
};

const size_t collectors_length = sizeof(collectors) / sizeof(collectors[0]);

_Static_assert(sizeof(collectors) / sizeof(collectors[0]) == COLLECTORS,
    "the registry has COLLECTORS of them");

int collector_find(const char *name)
{
	for (size_t i = 0; i < collectors_length; i++)
		if (strcmp(collectors[i]->name, name) == 0)
			return (int)i;
	return -1;
}

const struct metric_family *collector_family(const struct collector *collector, const char *name)
{
	for (size_t i = 0; collector->families[i]; i++)
		if (strcmp(collector->families[i]->name, name) == 0)
			return collector->families[i];
	return NULL;
}

const char *collector_flag_value(const struct collector_flag *flag)
{
	if (flag->is_ports)
		return "FIRST-LAST";
	return flag->by_default ? NULL : "N";
}

void collector_flag_default(
    const struct collector_flag *flag, char text[static COLLECTOR_DEFAULT_SIZE])
{
	const struct port_range ports = collector_ports_of(flag->initial);

	if (flag->by_default)
		snprintf(text, COLLECTOR_DEFAULT_SIZE, "(default: %s)", flag->by_default);
	else if (flag->is_ports)
		snprintf(text, COLLECTOR_DEFAULT_SIZE, "(default %u-%u)", ports.first, ports.last);
	else
		snprintf(text, COLLECTOR_DEFAULT_SIZE, "(default %lu)", flag->initial);
}
