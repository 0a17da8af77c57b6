// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_lost.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/tables/tally_top.h"
#include "exporter/commands/filter.h"
#include "exporter/commands/namespace_enter.h"
#include "exporter/commands/trace_signals.h"
#include "exporter/commands/trace_time.h"

/* Of packets that are not printed yet: some 3,000. */
#define EVENTS_BYTES (1ul << 18)

struct trace_lost {
	const struct options *options;
	struct snat_lost_probe *probe;
	const struct trace_lost_sink *sink; /* during a read */
	unsigned long shown;		    /* printed, or counted in a line */
};

int trace_lost_open(
    const struct options *options, struct trace_lost **ret_lost, const char **ret_reason)
{
	const struct snat_lost_options wanted = {
	    .events_bytes = EVENTS_BYTES,
	    .everywhere = namespace_is_all(options),
	};
	struct trace_lost *lost;
	int result;

	*ret_lost = NULL;
	*ret_reason = NULL;
	if (options->by)
		return 0;
	lost = calloc(1, sizeof(*lost));
	if (!lost)
		return -ENOMEM;
	lost->options = options;
	result = snat_lost_probe_open(&wanted, &lost->probe, ret_reason);
	if (result < 0) {
		free(lost);
		return result == -ENOMEM ? result : 0;
	}
	*ret_lost = lost;
	return 0;
}

void trace_lost_close(struct trace_lost *lost)
{
	if (!lost)
		return;
	snat_lost_probe_close(lost->probe);
	free(lost);
}

static bool is_asked_for(const struct trace_lost *lost, const struct snat_destination *to)
{
	const struct peer_filter *peers = filter_peers(lost->options);
	struct socket_address address;

	memcpy(&address, to->destination, sizeof(address));
	return !peers ||
	       peer_filter_has(peers, to->family ? SOCKET_IPV6 : SOCKET_IPV4, &address, to->port);
}

/* Returns 1: it is like one before, and was counted; 0; or -errno. */
static int fold(const struct trace_lost_sink *sink, const struct snat_lost_event *event)
{
	return sink->folds
		   ? trace_folds_add_lost(sink->folds, event, sink->print_fold, sink->context)
		   : 0;
}

static int print_event(void *context, const struct snat_lost_event *event)
{
	struct trace_lost *lost = context;
	const struct trace_lost_sink *sink = lost->sink;
	struct traced_lost traced = {.event = event, .time = trace_time_of(event->time_ns)};
	int result;

	/* Or packets that come faster than they are printed would keep it from its end. */
	if (trace_signals())
		snat_lost_probe_stop(lost->probe);
	if (trace_signals() > 1)
		return -ECANCELED;
	if (!is_asked_for(lost, &event->to))
		return 0;
	lost->shown++;
	if (sink->namespaces) {
		const struct exhausted_event place = {
		    .namespace_id = event->namespace_id,
		    .namespace_inode = event->namespace_inode,
		};

		traced.namespace = trace_namespaces_count(sink->namespaces, &place);
		if (!traced.namespace)
			return -ENOMEM;
	}
	result = fold(sink, event);
	if (result != 0)
		return result < 0 ? result : 0;
	return lost->options->json ? trace_lost_print_json(&traced)
				   : trace_lost_print_text(&traced);
}

int trace_lost_read(struct trace_lost *lost, const struct trace_lost_sink *sink)
{
	int result;

	if (!lost)
		return 0;
	lost->sink = sink;
	result = snat_lost_probe_read(lost->probe, print_event, lost);
	return result < 0 ? result : 0;
}

int trace_lost_print_count(
    const struct trace_fold *fold, double seconds, const struct trace_namespaces *namespaces)
{
	struct traced_lost traced = {.event = &fold->lost};

	clock_gettime(CLOCK_REALTIME, &traced.time);
	if (namespaces)
		traced.namespace = trace_namespaces_find(namespaces, fold->lost.namespace_id);
	return trace_lost_print_fold(&traced, fold, seconds);
}

int trace_lost_sum(const struct trace_lost *lost, struct trace_lost_sum *ret_sum)
{
	const size_t limit = lost->options->limit;
	struct tally_top *top = tally_top_new(
	    snat_lost_probe_tally(lost->probe), SNAT_LOST_DESTINATIONS, SNAT_LOST_DESTINATIONS);
	struct trace_lost_sum sum = {.list = calloc(limit + 1, sizeof(*sum.list))};
	const struct tally_shown *shown;
	uint64_t none;
	size_t length;

	if (!top || !sum.list) {
		tally_top_free(top);
		free(sum.list);
		return -ENOMEM;
	}
	length = tally_top_look(top, &shown, &none);
	for (size_t i = 0; i < length; i++) {
		const struct snat_destination *to =
		    snat_lost_probe_destination(lost->probe, &shown[i].key);

		if (!is_asked_for(lost, to))
			continue;
		sum.packets += shown[i].count;
		if (sum.length < limit)
			sum.list[sum.length++] =
			    (struct traced_destination){.to = to, .packets = shown[i].count};
		else
			sum.others += shown[i].count;
	}
	tally_top_free(top);
	/* With --to nobody knows how many of these were asked for: at least those that were shown.
	 */
	if (!filter_peers(lost->options)) {
		sum.others += snat_lost_probe_untracked(lost->probe);
		sum.packets += snat_lost_probe_untracked(lost->probe);
	} else if (lost->shown > sum.packets) {
		sum.others += lost->shown - sum.packets;
		sum.packets = lost->shown;
	}
	sum.unshown = sum.packets > lost->shown ? sum.packets - lost->shown : 0;
	*ret_sum = sum;
	return 0;
}
