// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/namespaces_text.h"
#include "exporter/answers/port_json.h"
#include "exporter/base/json.h"
#include "exporter/web/api.h"

/* Whoever shows them shows a few; the number counts all. */
#define PORTS_AT_RISK 10

static void add_calls(struct json *root, const struct history_calls *calls)
{
	struct json *object = json_add_object(root, "failed_calls");

	json_add_number(object, "total", (double)calls->total);
	json_add_number(object, "recent", (double)calls->recent);
	json_add_number(object, "recent_since_ms", (double)calls->since_ms);
}

static void add_queue(struct json *root, const struct socket *listener, bool is_elsewhere)
{
	struct json *object = json_add_object(root, "accept_queue");
	char address[SOCKET_ADDRESS_TEXT];

	/* The interfaces of another network namespace have no names here. */
	socket_bound_format(
	    &listener->local, listener->family, is_elsewhere ? 0 : listener->interface, address);
	json_add_string(object, "address", address);
	json_add_number(object, "port", listener->local_port);
	json_add_number(object, "waiting", listener->queue);
	json_add_number(object, "limit", listener->queue_limit);
	json_add_number(object, "usage_ratio", summary_queue_ratio(listener));
}

static double ratio(double used, double all)
{
	return all > 0 ? used / all : 1;
}

static void add_time_wait(struct json *root, const struct summary *summary)
{
	struct json *object = json_add_object(root, "time_wait");

	json_add_number(object, "sockets", (double)summary->time_wait);
	if (summary->time_wait_limit == SETTING_ABSENT)
		return;
	json_add_number(object, "limit", summary->time_wait_limit);
	json_add_number(
	    object, "usage_ratio", ratio((double)summary->time_wait, summary->time_wait_limit));
}

static void add_pools(struct json *root, const struct summary *summary)
{
	struct json *object = json_add_object(root, "pools");

	json_add_number(object, "ports", summary->pool);
	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS; i++) {
		struct json *pool = json_add_object(object, socket_protocol_name(i));

		json_add_number(pool, "used", summary->pool_used[i]);
		json_add_number(pool, "usage_ratio", ratio(summary->pool_used[i], summary->pool));
	}
}

static void add_at_risk(struct json *root, const struct portset *ports)
{
	struct json *object = json_add_object(root, "listeners_at_risk");
	struct json *first;
	unsigned position = 0;
	unsigned listed = 0;
	struct port_range range;

	json_add_number(object, "ports", portset_count(ports));
	first = json_add_array(object, "first");
	while (listed < PORTS_AT_RISK && portset_next_range(ports, &position, &range))
		for (unsigned port = range.first; port <= range.last && listed < PORTS_AT_RISK;
		     port++, listed++)
			json_append_number(first, port);
}

static void add_snat(struct json *root, const struct history_snat *snat)
{
	struct json *object = json_add_object(root, "snat");

	if (snat->has_pool) {
		json_add_string(object, "protocol", snat->protocol);
		json_add_string(object, "source", snat->pool.source);
		json_add_string(object, "destination", snat->pool.destination);
		json_add_number(object, "destination_port", snat->pool.port);
		if (snat->zone)
			json_add_number(object, "zone", snat->zone);
	}
	json_add_number(object, "used", snat->pool.used);
	json_add_number(object, "ports", snat->ports);
	json_add_number(object, "usage_ratio", ratio(snat->pool.used, snat->ports));
	json_add_number(object, "time_ms", (double)snat->time_ms);
}

char *api_summary(const struct summary *summary, const struct history_calls *calls,
    const struct history_snat *snat, const struct namespace_row *where)
{
	struct json *root = json_new_object();
	char *text;

	if (where)
		namespace_json_add_names(json_add_object(root, "network_namespace"), where);
	port_json_add_range(json_add_object(root, "range"), summary->range);
	if (calls)
		add_calls(root, calls);
	if (summary->has_queue)
		add_queue(root, &summary->queue, where != NULL);
	add_time_wait(root, summary);
	add_pools(root, summary);
	add_at_risk(root, &summary->at_risk);
	if (snat)
		add_snat(root, snat);
	text = json_print(root);
	json_free(root);
	return text;
}
