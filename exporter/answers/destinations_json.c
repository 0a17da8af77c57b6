// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/destinations_json.h"

#include "collectors/kernel/container.h"
#include "collectors/kernel/interface.h"
#include "exporter/answers/port_json.h"

double destination_share(const struct destination *destination, unsigned capacity)
{
	return capacity ? (double)destination_used(destination) / capacity : 1;
}

/* path: NULL if the cgroup is gone. */
static void add_owner(struct json *owner, const char *path, unsigned long ports)
{
	struct container container = {{0}, {0}};

	if (path) {
		container_parse(path, &container);
		json_add_string(owner, "cgroup", path);
	}
	json_add_string(owner, "pod_uid", container.pod_uid);
	json_add_string(owner, "container_id", container.id);
	json_add_number(owner, "ports", (double)ports);
}

static void add_ports(
    struct json *object, const struct destination_row *row, unsigned capacity, bool owners)
{
	const struct destination *destination = &row->destination;

	json_add_number(object, "active", destination->ports[PORT_ACTIVE]);
	json_add_number(object, "time_wait", destination->ports[PORT_TIME_WAIT]);
	json_add_number(object, "reusable", destination->ports[PORT_REUSABLE]);
	if (destination->interface)
		json_add_number(object, "shared", destination->shared);
	json_add_number(object, "usage_ratio", destination_share(destination, capacity));
	if (!owners || row->owned.length == 0)
		return;

	const struct owner_name *most = &row->owned.names[row->shown_owner];

	add_owner(json_add_object(object, "owner"), owner_name_is_known(most) ? most->path : NULL,
	    most->count);
}

/* Of another network namespace: the interfaces there have no names here. */
static void add_ends_elsewhere(struct json *object, const struct destination *destination)
{
	char text[SOCKET_ADDRESS_TEXT];

	socket_address_format(&destination->source, destination->family, 0, text);
	json_add_string(object, "source", text);
	socket_address_format(&destination->address, destination->family, 0, text);
	json_add_string(object, "destination", text);
	json_add_number(object, "destination_port", destination->port);
	json_add_string(object, "family", socket_family_name(destination->family));
}

static void add_row(struct json *array, const struct destination_row *row, unsigned capacity,
    const char *name, bool owners)
{
	const struct destination *destination = &row->destination;
	struct json *object = json_append_object(array);
	char text[SOCKET_ADDRESS_TEXT];
	char interface[IF_NAMESIZE];

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
	add_ports(object, row, capacity, owners);
}

void destination_json_add_all(
    struct json *object, const struct destination_row *row, unsigned capacity)
{
	add_ends_elsewhere(object, &row->destination);
	add_ports(object, row, capacity, true);
}

/* The ports that every destination has lost, and who holds them. */
static void add_bound(struct json *object, const struct bound_owned *bound, size_t limit)
{
	unsigned long others = bound->other;
	struct json *array;

	json_add_number(object, "listen", bound->ports.listen);
	json_add_number(object, "bound", bound->ports.bound);
	json_add_number(object, "connected", bound->ports.connected);
	array = json_add_array(object, "owners");
	for (size_t i = 0; i < bound->length; i++) {
		if (i < limit)
			add_owner(
			    json_append_object(array), bound->names[i].path, bound->names[i].count);
		else
			others += bound->names[i].count;
	}
	json_add_number(object, "other_owner_ports", (double)others);
	json_add_number(object, "unowned_ports", (double)bound->unowned);
}

void destinations_json_add(
    struct json *object, const struct destination_rows *rows, const struct destinations_json *how)
{
	struct json *range = json_add_object(object, "range");

	port_json_add_range(range, rows->settings.range);
	json_add_number(range, "usable_ports", rows->capacity);
	json_add_string(
	    json_add_object(object, "socket_source"), "tcp", source_kind_name(rows->source));
	json_add_bool(object, "bind_before_connect", rows->sees_buckets);
	json_add_bool(object, "time_wait_reuse", rows->sees_reuse);
	add_bound(json_add_object(object, "bound_ports"), &rows->bound, how->limit);
	json_add_number(object, "destinations_total", (double)rows->destinations);
	json_add_number(object, "ports_total", (double)rows->ports);
	if (how->names)
		json_add_number(
		    object, "names_unanswered", (double)resolver_unanswered(how->names));

	if (how->owners)
		json_add_bool(object, "owners_known", !rows->lacks_cgroups);

	struct json *array = json_add_array(object, "destinations");

	for (size_t i = 0; how->elsewhere && i < rows->length && i < how->limit; i++) {
		struct json *row = json_append_object(array);

		add_ends_elsewhere(row, &rows->list[i].destination);
		add_ports(row, &rows->list[i], rows->capacity, how->owners);
	}
	for (size_t i = 0; !how->elsewhere && i < rows->length && i < how->limit; i++)
		add_row(array, &rows->list[i], rows->capacity,
		    how->names ? resolver_name(how->names, i) : "", how->owners);
}
