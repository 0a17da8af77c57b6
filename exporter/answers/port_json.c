// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_json.h"

#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/container.h"
#include "collectors/kernel/interface.h"
#include "collectors/kernel/port_use.h"
#include "collectors/views/port_chance.h"
#include "exporter/answers/port_advice.h"
#include "exporter/answers/port_age.h"
#include "exporter/answers/port_holders.h"
#include "exporter/answers/port_place.h"
#include "exporter/answers/port_snat_text.h"
#include "exporter/answers/port_words.h"
#include "exporter/answers/user_name.h"

void port_json_add_range(struct json *object, struct port_range range)
{
	json_add_number(object, "first_port", range.first);
	json_add_number(object, "last_port", range.last);
	json_add_number(object, "ports", port_range_size(range));
}

/* Takes ownership of text. */
static void add_text(struct json *object, const char *key, struct text *text)
{
	text_add_char(text, '\0');
	if (text->error)
		json_fail(object);
	else
		json_add_string(object, key, text->data);
	free(text->data);
}

void port_json_add_source(struct json *object, const struct port_lookup *lookup)
{
	struct json *source = json_add_object(object, "socket_source");

	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS; i++)
		json_add_string(
		    source, socket_protocol_name(i), source_kind_name(lookup->source[i]));
}

void port_json_add_advice(
    struct json *object, const struct port_lookup *lookup, const struct portset *asked)
{
	struct port_advice advice;
	struct text command = {0};

	port_advice_find(lookup, asked, &advice);
	if (port_advice_add(&command, &lookup->settings, &advice))
		add_text(object, "advice", &command);
}

static void add_name(struct json *object, const char *key, const char *name)
{
	if (name[0])
		json_add_string(object, key, name);
}

static void add_processes(
    struct json *object, const struct port_lookup *lookup, const struct port_socket *found)
{
	struct json *list = json_add_array(object, "processes");
	struct json *descriptors = NULL;
	size_t length = 0;
	const struct holding *holdings =
	    found->socket.inode && lookup->processes
		? process_search_holdings(lookup->processes, found->socket.inode, &length)
		: NULL;

	for (size_t i = 0; i < length; i++) {
		if (i == 0 || holdings[i].pid != holdings[i - 1].pid) {
			const struct process *process =
			    process_search_find(lookup->processes, holdings[i].pid);
			struct json *item = json_append_object(list);

			json_add_number(item, "pid", process->pid);
			json_add_string(item, "name", process->name);
			json_add_string(item, "command", process->command ? process->command : "");
			descriptors = json_add_array(item, "fds");
		}
		json_append_number(descriptors, holdings[i].fd);
	}
}

static void add_owner(
    struct json *object, const struct port_lookup *lookup, const struct port_socket *found)
{
	const enum port_holders_gap gap = port_holders_gap(lookup, found);
	struct container container = {{0}, {0}};
	char name[USER_NAME_SIZE];

	/* The kernel reports root for a socket that no process has open, which means nothing. */
	if (found->socket.inode) {
		json_add_number(object, "inode", found->socket.inode);
		json_add_number(object, "uid", found->socket.uid);
		user_name(found->socket.uid, name);
		add_name(object, "user", name);
	}
	if (found->cgroup) {
		container_parse(found->cgroup, &container);
		json_add_string(object, "cgroup", found->cgroup);
		add_name(object, "pod_uid", container.pod_uid);
		add_name(object, "container_id", container.id);
	}
	json_add_string(object, "holders", port_holders_name(port_holders_of(lookup, found)));
	json_add_bool(object, "holders_complete", gap == PORT_HOLDERS_WHOLE);
	if (gap != PORT_HOLDERS_WHOLE)
		json_add_string(object, "holders_incomplete", port_holders_gap_name(gap));
	add_processes(object, lookup, found);
}

static void add_addresses(struct json *object, const struct socket *socket)
{
	char text[SOCKET_ADDRESS_TEXT];
	char interface[IF_NAMESIZE];

	socket_address_format(&socket->local, socket->family, socket->interface, text);
	json_add_string(object, "local_address", text);
	json_add_number(object, "local_port", socket->local_port);
	socket_address_format(&socket->remote, socket->family, socket->interface, text);
	json_add_string(object, "remote_address", text);
	json_add_number(object, "remote_port", socket->remote_port);
	if (socket->interface && interface_name(socket->interface, interface) == 0)
		json_add_string(object, "interface", interface);
}

static void add_timer(struct json *object, const struct port_socket *found)
{
	const unsigned left = found->socket.expires_ms;
	uint64_t age_ms;

	if (port_age_of(found, &age_ms)) {
		json_add_number(object, "age_seconds", (double)age_ms / 1e3);
		json_add_bool(object, "age_is_exact", port_age_is_exact(found));
	}
	if (found->socket.state == SOCKET_TIME_WAIT)
		json_add_bool(object, "reusable", found->reusable);
	if (found->socket.state == SOCKET_TIME_WAIT || left)
		json_add_number(object, "expires_seconds", left / 1e3);
}

/* For a listener's port it is obvious, and not looked up. */
static bool tells_bound(const struct port_lookup *lookup, const struct port_socket *found)
{
	return lookup->sees_buckets && found->socket.protocol == SOCKET_TCP &&
	       (found->role == PORT_ROLE_OUTBOUND || found->role == PORT_ROLE_TIME_WAIT) &&
	       !portset_has(&lookup->listen, found->socket.local_port);
}

void port_json_add_socket(
    struct json *object, const struct port_lookup *lookup, const struct port_socket *found)
{
	const struct socket *socket = &found->socket;
	struct text meaning = {0};

	json_add_string(object, "protocol", socket_protocol_name(socket->protocol));
	json_add_string(object, "family", socket_family_name(socket->family));
	json_add_string(object, "state", socket_state_name(socket->state));
	add_addresses(object, socket);
	json_add_string(object, "role", port_role_name(found->role));
	if (found->chosen != CHOSEN_UNKNOWN)
		json_add_bool(object, "port_chosen", found->chosen == CHOSEN_YES);
	if (tells_bound(lookup, found))
		json_add_bool(object, "port_bound", found->is_bound);
	port_words_add_socket(&meaning, lookup, found);
	port_place_name(lookup, &meaning);
	add_text(object, "meaning", &meaning);
	if (socket->ipv6_only)
		json_add_bool(object, "ipv6_only", true);
	add_timer(object, found);
	if (socket->state == SOCKET_LISTEN) {
		json_add_number(object, "accept_queue", socket->queue);
		if (socket->queue_limit != SOCKET_QUEUE_LIMIT_UNKNOWN)
			json_add_number(object, "accept_queue_limit", socket->queue_limit);
	}
	add_owner(object, lookup, found);
}

static void add_side(struct json *object, const char *key, const struct port_lookup *lookup,
    const struct port_side *side, size_t limit)
{
	struct json *item = json_add_object(object, key);

	json_add_number(item, "total", (double)side->total);

	struct json *list = json_add_array(item, "sockets");

	for (size_t i = 0; i < side->length && i < limit; i++)
		port_json_add_socket(json_append_object(list), lookup, &side->list[i]);
}

static void add_chances(struct json *object, const struct port_lookup *lookup, uint16_t port)
{
	struct json *chances = json_add_object(object, "chances");

	json_add_number(
	    chances, "connect", port_chance_of_connect(&lookup->settings, &lookup->held, port));
	json_add_number(chances, "bind", port_chance_of_bind(&lookup->settings, port));
}

void port_json_add(struct json *object, const struct port_lookup *lookup,
    const struct port_answer *answer, size_t limit)
{
	const struct settings *settings = &lookup->settings;
	const uint16_t port = answer->port;
	const bool by_snat =
	    port_snat_total(lookup->snat, port) &&
	    (answer->state == PORT_STATE_FREE || answer->state == PORT_STATE_RESERVED);
	struct text meaning = {0};
	char name[PORT_SERVICE_SIZE];

	json_add_number(object, "port", port);
	json_add_string(object, "kind", port_kind(port));

	struct json *services = json_add_object(object, "services");

	for (enum socket_protocol i = 0; i < SOCKET_PROTOCOLS; i++) {
		port_service(port, i, name);
		add_name(services, socket_protocol_name(i), name);
	}
	json_add_bool(object, "in_range", port_range_has(settings->range, port));
	json_add_bool(object, "reserved", portset_has(&settings->reserved, port));
	json_add_bool(object, "privileged", settings_is_privileged(settings, port));
	json_add_string(object, "use", by_snat ? "snat" : port_state_name(answer->state));
	json_add_bool(object, "bind_before_connect", lookup->sees_buckets);
	port_words_add_port(&meaning, lookup, answer);
	port_place_name(lookup, &meaning);
	add_text(object, "meaning", &meaning);
	if (answer->state == PORT_STATE_FREE && !by_snat && !lookup->bound_unseen)
		add_chances(object, lookup, port);
	add_side(object, "local", lookup, &answer->local, limit);
	add_side(object, "remote", lookup, &answer->remote, limit);
	port_snat_json_add(object, lookup->snat, port, limit);
}
