// SPDX-License-Identifier: Apache-2.0
/* The range that connect() takes its ports from, and the settings that bring them back. */

#include "collectors/collector.h"
#include "collectors/kernel/iana.h"

static const struct metric_family first_port = {
    .name = "ephemera_range_first_port",
    .help = "First port of the ephemeral range (ip_local_port_range).",
    .type = METRIC_GAUGE,
    .example = "ephemera_range_first_port <= 50051 and ephemera_range_last_port >= 50051",
};
static const struct metric_family last_port = {
    .name = "ephemera_range_last_port",
    .help = "Last port of the ephemeral range (inclusive).",
    .type = METRIC_GAUGE,
    .example = "count_values(\"last_port\", ephemera_range_last_port)",
};
static const struct metric_family range_ports = {
    .name = "ephemera_range_ports",
    .help = "Ports in the ephemeral range. One destination can use "
	    "ephemera_range_usable_ports.",
    .type = METRIC_GAUGE,
    .example = "ephemera_range_ports < 20000",
};
static const struct metric_family reserved_ports = {
    .name = "ephemera_range_reserved_ports",
    .help = "Ports of the range that ip_local_reserved_ports keeps from connect() and bind(0).",
    .type = METRIC_GAUGE,
    .example = "ephemera_range_reserved_ports / ephemera_range_ports > 0.1",
};
static const struct metric_family iana_dynamic_ports = {
    .name = "ephemera_range_iana_dynamic_ports",
    .help = "Ports of the range inside IANA's dynamic range 49152-65535; a port below it may "
	    "belong to a registered service.",
    .type = METRIC_GAUGE,
    .example = "ephemera_range_ports - ephemera_range_iana_dynamic_ports",
};
static const struct metric_family node_ports = {
    .name = "ephemera_range_node_ports",
    .help = "Unreserved ports of the range that are NodePorts of Kubernetes, by "
	    "--service-node-port-range. A program that gets one can lose clients or packets to a "
	    "Service. Absent without that flag.",
    .type = METRIC_GAUGE,
    .example = "ephemera_range_node_ports > 0",
};
static const struct metric_family unprivileged_first_port = {
    .name = "ephemera_unprivileged_first_port",
    .help = "First port that bind() allows without a privilege (ip_unprivileged_port_start).",
    .type = METRIC_GAUGE,
    .example = "ephemera_unprivileged_first_port < 1024",
};
static const struct metric_family time_wait_reuse = {
    .name = "ephemera_tcp_time_wait_reuse",
    .help = "Whether connect() may take a port in TIME_WAIT (tcp_tw_reuse): 0 never, 1 always, "
	    "2 on loopback only.",
    .type = METRIC_GAUGE,
    .example = "count_values(\"tcp_tw_reuse\", ephemera_tcp_time_wait_reuse)",
};
static const struct metric_family time_wait_reuse_delay = {
    .name = "ephemera_tcp_time_wait_reuse_delay_seconds",
    .help = "Age from which a TIME_WAIT may be taken if reuse applies (tcp_tw_reuse_delay; "
	    "1 on kernels without that setting).",
    .type = METRIC_GAUGE,
    .example = "ephemera_tcp_time_wait_reuse_delay_seconds > 1",
};
static const struct metric_family fin_timeout = {
    .name = "ephemera_tcp_fin_timeout_seconds",
    .help = "How long an abandoned connection stays in FIN_WAIT2 (tcp_fin_timeout). It does not "
	    "shorten TIME_WAIT.",
    .type = METRIC_GAUGE,
    .example = "ephemera_tcp_fin_timeout_seconds > 60",
};

static const struct metric_family *const families[] = {
    &first_port,
    &last_port,
    &range_ports,
    &reserved_ports,
    &iana_dynamic_ports,
    &node_ports,
    &unprivileged_first_port,
    &time_wait_reuse,
    &time_wait_reuse_delay,
    &fin_timeout,
    NULL,
};

struct range {
	const struct settings *settings;
};

static int init(void *state, const struct collector_config *config)
{
	((struct range *)state)->settings = &config->facts->settings;
	return 0;
}

static void add(struct metric_set *set, const struct metric_family *family, double value)
{
	metric_add(set, family, value, METRIC_NO_LABELS);
}

static void add_optional(struct metric_set *set, const struct metric_family *family, int value)
{
	if (value != SETTING_ABSENT)
		add(set, family, value);
}

/* The NodePorts that connect() and bind() to port 0 can take. */
static unsigned count_node_ports(const struct settings *settings)
{
	struct portset found = {0};
	struct portset range = {0};

	portset_add_range(&found, settings->node_ports);
	portset_add_range(&range, settings->range);
	portset_keep(&found, &range);
	portset_remove(&found, &settings->reserved);
	return portset_count(&found);
}

static int emit(void *state, struct metric_set *set)
{
	const struct settings *settings = ((const struct range *)state)->settings;

	add(set, &first_port, settings->range.first);
	add(set, &last_port, settings->range.last);
	add(set, &range_ports, port_range_size(settings->range));
	add(set, &reserved_ports, portset_count_range(&settings->reserved, settings->range));
	add(set, &iana_dynamic_ports, iana_ports_dynamic(settings->range));
	if (settings->node_ports.last)
		add(set, &node_ports, count_node_ports(settings));
	add_optional(set, &unprivileged_first_port, settings->unprivileged_first_port);
	add_optional(set, &time_wait_reuse, settings->time_wait_reuse);
	add(set, &time_wait_reuse_delay, settings->time_wait_reuse_delay_ms / 1000.0);
	add_optional(set, &fin_timeout, settings->fin_timeout_seconds);
	return 0;
}

const struct collector range_collector = {
    .name = "range",
    .help = "the ephemeral range and the settings that bring ports back",
    .cost = "Eight files below /proc/sys, which other collectors also use. No walk, nothing kept.",
    .on_by_default = true,
    .needs = NEEDS_SETTINGS,
    .families = families,
    .state_size = sizeof(struct range),
    .init = init,
    .emit = emit,
};
