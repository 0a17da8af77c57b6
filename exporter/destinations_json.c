// SPDX-License-Identifier: Apache-2.0
#include "exporter/destinations_json.h"

#include "collectors/kernel/container.h"
#include "collectors/kernel/interface.h"
#include "exporter/port_json.h"

double destination_share(const struct destination *destination, unsigned capacity)
{
	return capacity ? (double)destination_used(destination) / capacity : 1;
}

static void add_row(struct json *array, const struct destination_row *row, unsigned capacity,
    const char *name, bool owners)
{
	const struct destination *destination = &row->destination;
	struct json *object = json_append_object(array);
	char text[SOCKET_ADDRESS_TEXT];
	char interface[IF_NAMESIZE];
	struct container container = {{0}, {0}};

	destination_source_format(destination, text);
	json_add_string(object, "source", text);
	socket_address_format(
	    &destination->address, destination->family, destination->interface, text);
	json_add_string(object, "destination", text);
	json_add_number(object, "destination_port", destination->port);
	json_add_string(object, "family", socket_family_name(destination->family));
	if (interface_name(destination->interface, interface) == 0)
		json_add_string(object, "interface", interface);
	if (name[0])
		json_add_string(object, "name", name);
	json_add_number(object, "active", destination->ports[PORT_ACTIVE]);
	json_add_number(object, "time_wait", destination->ports[PORT_TIME_WAIT]);
	json_add_number(object, "reusable", destination->ports[PORT_REUSABLE]);
	if (destination->interface)
		json_add_number(object, "shared", destination->shared);
	json_add_number(object, "usage_ratio", destination_share(destination, capacity));
	if (!owners || row->owner_ports == 0)
		return;

	struct json *owner = json_add_object(object, "owner");

	if (row->owner) {
		container_parse(row->owner, &container);
		json_add_string(owner, "cgroup", row->owner);
	}
	json_add_string(owner, "pod_uid", container.pod_uid);
	json_add_string(owner, "container_id", container.id);
	json_add_number(owner, "ports", row->owner_ports);
}

void destinations_json_add(
    struct json *object, const struct destination_rows *rows, const struct destinations_json *how)
{
	struct json *range = json_add_object(object, "range");

	port_json_add_range(range, rows->settings.range);
	json_add_number(range, "usable_ports", rows->capacity);
	json_add_number(object, "destinations_total", (double)rows->destinations);
	json_add_number(object, "ports_total", (double)rows->ports);
	if (how->names)
		json_add_number(
		    object, "names_unanswered", (double)resolver_unanswered(how->names));

	if (how->owners)
		json_add_bool(object, "owners_known", !rows->lacks_cgroups);

	struct json *array = json_add_array(object, "destinations");

	for (size_t i = 0; i < rows->length && i < how->limit; i++)
		add_row(array, &rows->list[i], rows->capacity,
		    how->names ? resolver_name(how->names, i) : "", how->owners);
}
