// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/api.h"

#include <stdlib.h>

#include "collectors/kernel/iana.h"
#include "exporter/answers/destinations_json.h"
#include "exporter/answers/namespaces_text.h"
#include "exporter/answers/port_json.h"
#include "exporter/base/json.h"

static const char letters[PORT_STATES] = {
    [PORT_STATE_FREE] = '.',
    [PORT_STATE_RESERVED] = 'r',
    [PORT_STATE_TIME_WAIT] = 't',
    [PORT_STATE_OUTBOUND] = 'o',
    [PORT_STATE_BOUND] = 'b',
    [PORT_STATE_LISTENER] = 'l',
};

/* Also frees root. root may be NULL or incomplete. */
static char *print(struct json *root)
{
	char *text = json_print(root);

	json_free(root);
	return text;
}

static void add_where(struct json *root, const struct namespace_row *where)
{
	if (where)
		namespace_json_add_names(json_add_object(root, "network_namespace"), where);
}

static void add_time_wait_seconds(struct json *root, const struct port_map *map)
{
	struct json *list = json_add_array(root, "time_wait_seconds");

	for (unsigned port = 0; port < PORTS; port++)
		if (map->states[port] == PORT_STATE_TIME_WAIT)
			json_append_number(list, map->time_wait_seconds[port]);
}

static void add_marked(struct json *root, const struct portset *marked, char *ports)
{
	for (unsigned port = 0; port < PORTS; port++)
		ports[port] = portset_has(marked, (uint16_t)port) ? 'x' : '.';
	json_add_string(root, "marked", ports);
	json_add_number(root, "marked_ports", portset_count(marked));
}

char *api_ports(
    const struct port_map *map, const struct portset *marked, const struct namespace_row *where)
{
	struct json *root = json_new_object();
	char *ports = malloc(PORTS + 1);

	if (!ports) {
		json_free(root);
		return NULL;
	}
	for (unsigned port = 0; port < PORTS; port++)
		ports[port] = letters[map->states[port]];
	ports[PORTS] = '\0';
	add_where(root, where);
	port_json_add_range(json_add_object(root, "range"), map->range);

	struct json *legend = json_add_object(root, "legend");
	struct json *counts = json_add_object(root, "counts");

	for (enum port_state state = 0; state < PORT_STATES; state++) {
		const char letter[] = {letters[state], '\0'};

		json_add_string(legend, letter, port_state_name(state));
		json_add_number(counts, port_state_name(state), map->counts[state]);
	}
	json_add_string(root, "ports", ports);
	if (marked)
		add_marked(root, marked, ports);
	free(ports);
	add_time_wait_seconds(root, map);
	return print(root);
}

char *api_port(const struct port_lookup *lookup, uint16_t port, size_t limit,
    const struct namespace_row *where)
{
	struct json *root = json_new_object();
	const struct port_answer answer = port_lookup_answer(lookup, port);
	struct portset asked = {0};

	/* The lookup may also hold ports that other requests asked for. */
	portset_add(&asked, port);
	add_where(root, where);
	port_json_add_range(json_add_object(root, "range"), lookup->settings.range);
	port_json_add_source(root, lookup);
	port_json_add_advice(root, lookup, &asked);
	port_json_add(root, lookup, &answer, limit);
	return print(root);
}

char *api_destinations(const struct destination_rows *rows, size_t limit, bool owners,
    const struct namespace_row *where)
{
	struct json *root = json_new_object();

	add_where(root, where);
	destinations_json_add(root, rows,
	    &(struct destinations_json){
		.limit = limit, .owners = owners, .elsewhere = where != NULL});
	return print(root);
}

static void add_bound(struct json *object, const struct facts *facts)
{
	const struct bound_ports ports = facts_count_bound(facts);

	json_add_number(object, "listen", ports.listen);
	json_add_number(object, "bound", ports.bound);
	json_add_number(object, "connected", ports.connected);
}

static void add_setting(struct json *object, const char *name, int value, double unit)
{
	if (value != SETTING_ABSENT)
		json_add_number(object, name, value / unit);
}

static void add_reserved(struct json *object, const struct portset *reserved)
{
	struct json *list = json_add_array(object, "reserved_ranges");
	struct port_range range;
	unsigned position = 0;

	while (portset_next_range(reserved, &position, &range)) {
		struct json *item = json_append_object(list);

		json_add_number(item, "first_port", range.first);
		json_add_number(item, "last_port", range.last);
	}
}

char *api_namespaces(const struct namespace_rows *rows, size_t limit)
{
	struct json *root = json_new_object();

	namespaces_json_add(root, rows, limit);
	return print(root);
}

char *api_range(const struct facts *facts, const struct namespace_row *where)
{
	const struct settings *settings = &facts->settings;
	struct json *root = json_new_object();

	add_where(root, where);
	port_json_add_range(root, settings->range);
	json_add_number(
	    root, "reserved_ports", portset_count_range(&settings->reserved, settings->range));
	json_add_number(root, "iana_dynamic_ports", iana_ports_dynamic(settings->range));
	json_add_number(root, "usable_ports", facts->capacity);
	add_bound(json_add_object(root, "bound_ports"), facts);
	json_add_bool(root, "bind_before_connect", facts->holders.sees_buckets);
	add_reserved(root, &settings->reserved);
	add_setting(root, "unprivileged_first_port", settings->unprivileged_first_port, 1);
	add_setting(root, "tcp_time_wait_reuse", settings->time_wait_reuse, 1);
	add_setting(
	    root, "tcp_time_wait_reuse_delay_seconds", settings->time_wait_reuse_delay_ms, 1e3);
	add_setting(root, "tcp_fin_timeout_seconds", settings->fin_timeout_seconds, 1);
	return print(root);
}
