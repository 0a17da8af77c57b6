// SPDX-License-Identifier: Apache-2.0
#include "collectors/snat_series.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * NF_NAT_MAX_ATTEMPTS in net/netfilter/nf_nat_core.c: a range of so many ports is searched whole. A
 * bigger one is searched from a random place on, for 128 ports, then for 64, 32, 16 and 8.
 */
#define SEARCHED_WHOLE 128
/* NF_NAT_HARDER_THRESH: only the last tries of each search may evict a closing entry. */
#define HARD_TRIES 32
#define ALL_HARD_TRIES (32 + 32 + 32 + 16 + 8)
#define ALL_EASY_TRIES (128 - 32 + 64 - 32)
/* nf_seq_has_advanced(): if the new SYN's sequence number is beyond the old one's, both random. */
#define EVICTED 0.5

const struct metric_family snat_ports = {
    .name = "ephemera_snat_ports",
    .help = "Ports that source NAT and others have taken of the fullest pools, up to "
	    "--collector.snat.limit. A pool is all ports of the SNAT address (source) towards a "
	    "destination, in one conntrack zone. Closing: in TIME_WAIT or CLOSE, which the kernel "
	    "may give to another "
	    "connection since Linux 6.5.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "source", "destination", "destination_port", "zone", "state"},
    .example = "topk(10, ephemera_snat_ports{state=\"active\"})",
};
const struct metric_family snat_other_ports = {
    .name = "ephemera_other_snat_ports",
    .help = "Ports of all pools that are not shown, closing ones included.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "family"},
    .example = "topk(10, sum by (instance) (ephemera_other_snat_ports))",
};
const struct metric_family snat_untracked_ports = {
    .name = "ephemera_untracked_snat_ports",
    .help = "Ports of pools beyond --collector.snat.tracked-limit, translated or not. If this is "
	    "not 0, the fullest pool may be missing: raise the limit.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "family"},
    .example = "ephemera_untracked_snat_ports > 0",
};
const struct metric_family snat_worst_ports = {
    .name = "ephemera_worst_snat_ports",
    .help = "Ports that the fullest pool of source NAT has taken, without closing ones.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "family"},
    .example = "predict_linear(ephemera_worst_snat_ports[30m], 3600) > on (job, instance) "
	       "group_left () ephemera_snat_range_ports",
};
const struct metric_family snat_worst_ratio = {
    .name = "ephemera_worst_snat_usage_ratio",
    .help = "Share of the range that the fullest pool of source NAT has taken. At 1 every packet "
	    "that begins a connection is dropped; in a range of more than 128 ports some are "
	    "dropped before: ephemera_snat_loss_ratio.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "family"},
    .example = "max by (instance) (ephemera_worst_snat_usage_ratio) > 0.9",
};
const struct metric_family snat_loss_ratio = {
    .name = "ephemera_snat_loss_ratio",
    .help = "The chance that source NAT finds no port for the next connection of a shown pool, if "
	    "its ports are spread evenly. The packet is dropped, and the client sends another one "
	    "a second later.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "source", "destination", "destination_port", "zone"},
    .example = "topk(10, ephemera_snat_loss_ratio) > 0.01",
};
const struct metric_family snat_client_ports = {
    .name = "ephemera_snat_client_ports",
    .help =
	"Of each shown pool's active ports, those of the clients with the most, up to "
	"--collector.snat.clients-limit: the addresses before source NAT, such as a pod's. With "
	"--namespaces=all namespace and pod say whose it is, if a pod of this node has it.",
    .type = METRIC_GAUGE,
    .labels = {"protocol", "source", "destination", "destination_port", "zone", "client",
	"namespace", "pod"},
    .example = "topk(10, ephemera_snat_client_ports)",
};

int snat_series_init(struct snat_series *series, size_t limit)
{
	int result = 0;

	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS && result == 0; i++)
		result = destination_top_init(&series->top[i], limit);
	return result;
}

void snat_series_release(struct snat_series *series)
{
	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS; i++)
		destination_top_release(&series->top[i]);
}

static double power(double base, unsigned exponent)
{
	double result = 1;

	for (; exponent && result > 0; exponent--)
		result *= base;
	return result;
}

double snat_loss(unsigned used, unsigned closing, unsigned range)
{
	const double in_use = (double)used / range;
	const double closing_share = (double)closing / range;
	const double hard = range > HARD_TRIES ? (double)HARD_TRIES / range : 1;

	if (used >= range)
		return 1;
	if (range <= SEARCHED_WHOLE)
		return used + closing < range ? 0 : power(1 - EVICTED * hard, closing);
	return power(in_use + closing_share, ALL_EASY_TRIES) *
	       power(in_use + (1 - EVICTED) * closing_share, ALL_HARD_TRIES);
}

struct summary {
	unsigned long ports[SOCKET_FAMILIES];
	unsigned worst[SOCKET_FAMILIES];
};

static void summarise(struct snat_series *series, const struct snat_pools *pools,
    enum socket_protocol protocol, struct summary *summary)
{
	*summary = (struct summary){0};
	destination_top_clear(&series->top[protocol]);
	for (enum socket_family family = 0; family < SOCKET_FAMILIES; family++) {
		struct destination pool;
		size_t position = 0;

		while (snat_pools_next(pools, protocol, family, &position, &pool)) {
			summary->ports[family] += destination_total(&pool);
			if (destination_used(&pool) > summary->worst[family])
				summary->worst[family] = destination_used(&pool);
			if (destination_total(&pool) >= series->minimum)
				destination_top_offer(&series->top[protocol], &pool);
		}
	}
	destination_top_sort(&series->top[protocol]);
}

struct pool_texts {
	const char *protocol;
	char source[SOCKET_ADDRESS_TEXT];
	char address[SOCKET_ADDRESS_TEXT];
	char port[8];
	char zone[8]; /* empty: the default one */
};

static int emit_clients(const struct snat_series *series, const struct snat_pools *pools,
    enum socket_protocol protocol, const struct destination *pool, const struct pool_texts *texts,
    struct metric_set *set)
{
	struct snat_client *clients;
	char address[SOCKET_ADDRESS_TEXT];
	int found;

	if (series->clients == 0)
		return 0;
	clients = calloc(series->clients, sizeof(*clients));
	found =
	    clients ? snat_pools_clients(pools, protocol, pool, clients, series->clients) : -ENOMEM;
	for (int i = 0; i < found; i++) {
		struct address_owner owner = {NULL, NULL};

		if (series->owners)
			series->owners->find(
			    series->owners->context, pool->family, &clients[i].address, &owner);
		socket_address_format(&clients[i].address, pool->family, 0, address);
		metric_add(set, &snat_client_ports, (double)clients[i].ports,
		    METRIC_LABELS(texts->protocol, texts->source, texts->address, texts->port,
			texts->zone, address, owner.namespace_name ? owner.namespace_name : "",
			owner.pod ? owner.pod : ""));
	}
	free(clients);
	return found < 0 ? found : 0;
}

static int emit_pool(const struct snat_series *series, const struct snat_pools *pools,
    enum socket_protocol protocol, const struct destination *pool, struct metric_set *set)
{
	struct pool_texts texts = {.protocol = socket_protocol_name(protocol)};

	socket_address_format(&pool->source, pool->family, 0, texts.source);
	socket_address_format(&pool->address, pool->family, 0, texts.address);
	snprintf(texts.port, sizeof(texts.port), "%u", pool->port);
	if (snat_pool_zone(pool))
		snprintf(texts.zone, sizeof(texts.zone), "%u", snat_pool_zone(pool));
	metric_add(set, &snat_ports, destination_used(pool),
	    METRIC_LABELS(
		texts.protocol, texts.source, texts.address, texts.port, texts.zone, "active"));
	metric_add(set, &snat_ports, pool->ports[SNAT_CLOSING],
	    METRIC_LABELS(
		texts.protocol, texts.source, texts.address, texts.port, texts.zone, "closing"));
	metric_add(set, &snat_loss_ratio,
	    snat_loss(destination_used(pool), pool->ports[SNAT_CLOSING], series->range),
	    METRIC_LABELS(texts.protocol, texts.source, texts.address, texts.port, texts.zone));
	return emit_clients(series, pools, protocol, pool, &texts, set);
}

static void emit_summary(const struct snat_series *series, const struct snat_pools *pools,
    enum socket_protocol protocol, const struct summary *summary, struct metric_set *set)
{
	const char *name = socket_protocol_name(protocol);

	for (enum socket_family i = 0; i < SOCKET_FAMILIES; i++) {
		const char *family = socket_family_name(i);
		const unsigned long untracked = snat_pools_untracked(pools, protocol, i);

		metric_add(set, &snat_worst_ports, summary->worst[i], METRIC_LABELS(name, family));
		metric_add(set, &snat_worst_ratio, (double)summary->worst[i] / series->range,
		    METRIC_LABELS(name, family));
		metric_add(set, &snat_other_ports, (double)(summary->ports[i] + untracked),
		    METRIC_LABELS(name, family));
		metric_add(
		    set, &snat_untracked_ports, (double)untracked, METRIC_LABELS(name, family));
	}
}

int snat_series_emit(
    struct snat_series *series, const struct snat_pools *pools, struct metric_set *set)
{
	int result = 0;

	for (enum socket_protocol protocol = 0; protocol < SOCKET_PROTOCOLS; protocol++) {
		const struct destination_top *top = &series->top[protocol];
		struct summary summary;

		summarise(series, pools, protocol, &summary);
		for (size_t i = 0; i < top->length && result == 0; i++) {
			summary.ports[top->list[i].family] -= destination_total(&top->list[i]);
			result = emit_pool(series, pools, protocol, &top->list[i], set);
		}
		emit_summary(series, pools, protocol, &summary, set);
	}
	return result;
}
