// SPDX-License-Identifier: Apache-2.0
#include "collectors/snat_range.h"

#include <errno.h>
#include <stdio.h>

#include "collectors/collector.h"
#include "collectors/kernel/nat_rules.h"

const struct metric_family snat_range_ports = {
    .name = "ephemera_snat_range_ports",
    .help = "Ports that source NAT chooses from: as --collector.snat.ports says, or as the rules "
	    "of nftables named them when the exporter started, or by default.",
    .type = METRIC_GAUGE,
    .labels = {"first_port", "last_port", "origin"},
    .example = "ephemera_snat_range_ports < 1000",
};

#define ASSUMED                                                                              \
	", so source NAT is taken to choose from 1024-65535: set --collector.snat.ports if " \
	"that is wrong"

static const char *remark_of(int result, const struct nat_rules *rules)
{
	if (result == -EPERM || result == -EACCES)
		return "reading the rules needs CAP_NET_ADMIN at the start" ASSUMED;
	if (result == -EOPNOTSUPP)
		return "the kernel has no nftables" ASSUMED;
	if (result < 0)
		return "the rules of nftables cannot be read" ASSUMED;
	if (rules->has_more)
		return "more tables of nftables translate than are read" ASSUMED;
	if (rules->count == 0)
		return "nftables has no rule with masquerade or snat" ASSUMED;
	if (rules->is_unknown)
		return "a rule takes its ports from a map or computes them" ASSUMED;
	return rules->differs ? "the rules name different ports" ASSUMED : NULL;
}

struct snat_range snat_range_of(int result, const struct nat_rules *rules)
{
	struct snat_range range = {
	    .ports = {NAT_FIRST_PORT, NAT_LAST_PORT},
	    .origin = "default",
	    .remark = remark_of(result, rules),
	};

	if (range.remark)
		return range;
	range.ports = rules->ports;
	range.origin = "rules";
	return range;
}

struct snat_range snat_range_find(unsigned long ports)
{
	struct nat_rules rules = {.ports = {0, 0}};
	int result;

	if (ports)
		return (struct snat_range){.ports = collector_ports_of(ports), .origin = "flag"};
	result = nat_rules_read(&rules);
	return snat_range_of(result, &rules);
}

void snat_range_emit(const struct snat_range *range, struct metric_set *set)
{
	char first[8];
	char last[8];

	snprintf(first, sizeof(first), "%u", range->ports.first);
	snprintf(last, sizeof(last), "%u", range->ports.last);
	metric_add(set, &snat_range_ports, port_range_size(range->ports),
	    METRIC_LABELS(first, last, range->origin));
}
