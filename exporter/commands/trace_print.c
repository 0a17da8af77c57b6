// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_print.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/container.h"
#include "collectors/tables/destination_table.h"
#include "exporter/answers/namespaces_text.h"
#include "exporter/base/json.h"
#include "exporter/base/terminal.h"
#include "exporter/base/text.h"
#include "exporter/commands/trace_conflict.h"

#define NS_PER_US 1000
#define NS_PER_MS 1000000
#define COMM_SIZE (sizeof(((struct exhausted_event *)NULL)->comm) + 1)

static enum socket_family family_of(const struct exhausted_event *event)
{
	return event->family ? SOCKET_IPV6 : SOCKET_IPV4;
}

static void format_remote(
    const struct exhausted_event *event, char text[static SOCKET_ADDRESS_TEXT])
{
	struct socket_address address;

	memcpy(&address, event->remote, sizeof(address));
	socket_address_format(&address, family_of(event), event->interface, text);
}

/* Formatted like the metrics' label source: the address of a bind() with its interface. */
static void format_local(const struct exhausted_event *event, char text[static SOCKET_ADDRESS_TEXT])
{
	struct destination destination = {
	    .family = family_of(event),
	    .interface = event->interface,
	};

	memcpy(&destination.source, event->local, sizeof(destination.source));
	memcpy(&destination.address, event->remote, sizeof(destination.address));
	destination_source_format(&destination, text);
}

/* The kernel's name ends with NUL or has 16 characters. */
static void copy_comm(const struct exhausted_event *event, char comm[static COMM_SIZE])
{
	memcpy(comm, event->comm, sizeof(event->comm));
	comm[COMM_SIZE - 1] = '\0';
}

static int print_conflict(const struct traced *traced)
{
	struct text text = {0};
	char local[SOCKET_ADDRESS_TEXT];
	int result;

	format_local(traced->event, local);
	text_make_printable(local); /* it may end in an interface's name */
	trace_conflict_add_text(&text, traced, local);
	text_add_char(&text, '\0');
	result = text.error;
	if (result == 0)
		fputs(text.data, stdout);
	free(text.data);
	return result;
}

static void print_what(const struct exhausted_event *event)
{
	char local[SOCKET_ADDRESS_TEXT];
	char remote[SOCKET_ADDRESS_TEXT];
	char endpoint[SOCKET_ENDPOINT_TEXT];

	format_local(event, local);
	format_remote(event, remote);
	text_make_printable(local); /* it may end in an interface's name */
	text_make_printable(remote);
	socket_endpoint_format(remote, family_of(event), event->remote_port, endpoint);
	if (event->call == EXHAUSTED_CONNECT)
		printf("connect %s from %s", endpoint, local);
	else
		printf("bind %s any port of %s", event->call == EXHAUSTED_BIND_UDP ? "udp" : "tcp",
		    local);
}

/* Names of programs and cgroups are made printable: anyone can choose them. */
static int print_who(const struct traced *traced, bool has_pid)
{
	char comm[COMM_SIZE];
	char *cgroup = strdup(traced->cgroup ? traced->cgroup : "unknown");

	if (!cgroup)
		return -ENOMEM;
	copy_comm(traced->event, comm);
	text_make_printable(comm);
	text_make_printable(cgroup);
	if (has_pid)
		printf("  %s (pid %u)  %s\n", comm, traced->event->pid, cgroup);
	else
		printf("  %s (several processes)  %s\n", comm, cgroup);
	free(cgroup);
	return 0;
}

static void print_namespace(const struct namespace_row *namespace)
{
	char title[NAMESPACE_TITLE];

	namespace_title(namespace, title);
	printf("%s  ", title);
}

void trace_print_when(const struct timespec *time, const struct namespace_row *namespace)
{
	char clock[16];
	struct tm local;

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&time->tv_sec, &local));
	printf("%s.%03ld  ", clock, time->tv_nsec / NS_PER_MS);
	if (namespace)
		print_namespace(namespace);
}

int trace_print_text(const struct traced *traced)
{
	int result = 0;

	trace_print_when(&traced->time, traced->namespace);
	if (traced->event->refused_port)
		result = print_conflict(traced);
	else
		print_what(traced->event);
	if (traced->has_ports)
		printf("  %u of %u ports in use", traced->ports, traced->usable_ports);
	if (result == 0)
		result = print_who(traced, true);
	return result < 0 ? result : terminal_flush();
}

/* "1,334". */
static void print_grouped(unsigned long number)
{
	if (number < 1000) {
		printf("%lu", number);
		return;
	}
	print_grouped(number / 1000);
	printf(",%03lu", number % 1000);
}

void trace_print_count(unsigned long count, double seconds)
{
	printf("... ");
	print_grouped(count);
	printf(" more like this in %.0f s: ", fmax(1, round(seconds)));
}

int trace_print_fold(const struct traced *traced, const struct trace_fold *fold, double seconds)
{
	const struct exhausted_event *event = traced->event;
	int result;

	trace_print_when(&traced->time, traced->namespace);
	trace_print_count(fold->count, seconds);
	if (event->refused_port)
		printf("%s %u: Address already in use", trace_conflict_call(event),
		    event->refused_port);
	else
		print_what(event);
	result = print_who(traced, !fold->has_pids);
	return result < 0 ? result : terminal_flush();
}

/* namespace: NULL, or that of the object, whose pod it has already. */
static void add_owner(struct json *object, const char *path, const struct namespace_row *namespace)
{
	struct container container;

	json_add_string(object, "cgroup", path);
	container_parse(path, &container);
	if (container.pod_uid[0] && !(namespace && namespace->labels.pod_uid))
		json_add_string(object, "pod_uid", container.pod_uid);
	if (container.id[0])
		json_add_string(object, "container_id", container.id);
}

void trace_add_time(struct json *object, const char *key, const struct timespec *time)
{
	char seconds[32];
	char text[48];
	struct tm utc;

	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", gmtime_r(&time->tv_sec, &utc));
	snprintf(text, sizeof(text), "%s.%06uZ", seconds,
	    (unsigned)(time->tv_nsec / NS_PER_US) % 1000000);
	json_add_string(object, key, text);
}

int trace_put_json(struct json *object)
{
	char *text = json_print(object);
	int result = text ? terminal_put_line(text) : -ENOMEM;

	free(text);
	json_free(object);
	if (result == 0)
		result = terminal_flush();
	return result;
}

int trace_print_json(const struct traced *traced)
{
	const struct exhausted_event *event = traced->event;
	struct json *object = json_new_object();
	char address[SOCKET_ADDRESS_TEXT];
	char comm[COMM_SIZE];

	trace_add_time(object, "time", &traced->time);
	if (traced->namespace)
		namespace_json_add_names(object, traced->namespace);
	json_add_string(object, "call",
	    event->call == EXHAUSTED_CONNECT ? "connect" : trace_conflict_call(event));
	json_add_string(object, "protocol",
	    socket_protocol_name(event->call == EXHAUSTED_BIND_UDP ? SOCKET_UDP : SOCKET_TCP));
	json_add_string(object, "family", socket_family_name(family_of(event)));
	format_local(event, address);
	json_add_string(object, "source", address);
	if (event->call == EXHAUSTED_CONNECT) {
		format_remote(event, address);
		json_add_string(object, "destination", address);
		json_add_number(object, "destination_port", event->remote_port);
	}
	if (event->refused_port)
		trace_conflict_add_json(object, traced);
	if (traced->has_ports) {
		json_add_number(object, "ports_in_use", traced->ports);
		json_add_number(object, "usable_ports", traced->usable_ports);
	}
	json_add_number(object, "pid", event->pid);
	copy_comm(event, comm);
	json_add_string(object, "process", comm);
	if (traced->cgroup)
		add_owner(object, traced->cgroup, traced->namespace);
	return trace_put_json(object);
}

static void format_destination(
    const struct exhausted_destination *destination, char text[static SOCKET_ADDRESS_TEXT])
{
	socket_address_format(
	    &destination->address, destination->family, destination->interface, text);
}

static void print_destination(const struct tally_shown *shown)
{
	struct exhausted_destination destination;
	char address[SOCKET_ADDRESS_TEXT];
	char endpoint[SOCKET_ENDPOINT_TEXT];

	exhausted_destination_of(&shown->key, &destination);
	format_destination(&destination, address);
	text_make_printable(address);
	socket_endpoint_format(address, destination.family, destination.port, endpoint);
	printf("%8llu  %s\n", (unsigned long long)shown->count, endpoint);
}

static int print_owner(const struct owner_name *owner)
{
	char *path = strdup(owner->path);

	if (!path)
		return -ENOMEM;
	text_make_printable(path);
	printf("%8llu  %s\n", (unsigned long long)owner->count, path);
	free(path);
	return 0;
}

static void print_namespaces(const struct traced_sum *sum)
{
	if (sum->namespaces_length || sum->other_namespaces)
		puts("\nFAILURES  NETWORK NAMESPACE");
	for (size_t i = 0; i < sum->namespaces_length; i++) {
		char title[NAMESPACE_TITLE];

		namespace_title(&sum->namespaces[i].row, title);
		printf("%8lu  %s\n", sum->namespaces[i].count, title);
	}
	if (sum->other_namespaces)
		printf("%8lu  others (--limit), or not shown above\n", sum->other_namespaces);
}

int trace_print_sum_text(const struct traced_sum *sum)
{
	int result = 0;

	printf("\n%lu call%s in %.1f s found no port.\n", sum->calls, sum->calls == 1 ? "" : "s",
	    sum->seconds);
	if (sum->conflicts)
		printf("%lu call%s asked for.\n", sum->conflicts,
		    sum->conflicts == 1 ? " was refused the port it"
					: "s were refused the port they");
	if (sum->is_part)
		printf("%lu other call%s failed, which you did not ask for.\n", sum->others,
		    sum->others == 1 ? "" : "s");
	if (sum->lost && sum->is_part)
		printf("%lu call%s came too fast to be looked at.\n", sum->lost,
		    sum->lost == 1 ? "" : "s");
	else if (sum->lost)
		printf("%lu of them came too fast and are not shown above.\n", sum->lost);
	if (sum->packets)
		trace_lost_print_sum(sum->packets);
	if (sum->destinations_length || sum->other_destinations)
		puts("\nFAILURES  DESTINATION");
	for (size_t i = 0; i < sum->destinations_length; i++)
		print_destination(&sum->destinations[i]);
	if (sum->other_destinations)
		printf("%8lu  others (--limit)\n", sum->other_destinations);
	if (sum->owners_length || sum->other_owners)
		puts("\nFAILURES  CGROUP");
	for (size_t i = 0; i < sum->owners_length && result == 0; i++)
		result = print_owner(&sum->owners[i]);
	if (sum->other_owners)
		printf("%8lu  others, or none\n", sum->other_owners);
	trace_conflict_print_sum(sum);
	if (sum->packets)
		trace_lost_print_list(sum->packets);
	if (sum->has_namespaces)
		print_namespaces(sum);
	return result < 0 ? result : terminal_flush();
}

static void add_namespaces(struct json *object, const struct traced_sum *sum)
{
	struct json *list = json_add_array(object, "namespaces");

	for (size_t i = 0; i < sum->namespaces_length; i++) {
		struct json *one = json_append_object(list);

		namespace_json_add_names(one, &sum->namespaces[i].row);
		json_add_number(one, "failures", (double)sum->namespaces[i].count);
	}
	json_add_number(object, "other_namespaces", (double)sum->other_namespaces);
}

int trace_print_sum_json(const struct traced_sum *sum)
{
	struct json *root = json_new_object();
	struct json *object = json_add_object(root, "summary");
	struct json *destinations;
	struct json *owners;

	json_add_number(object, "seconds", sum->seconds);
	json_add_number(object, "failures", (double)sum->calls);
	json_add_number(object, "lost", (double)sum->lost);
	if (sum->is_part)
		json_add_number(object, "failures_not_asked_for", (double)sum->others);
	destinations = json_add_array(object, "destinations");
	for (size_t i = 0; i < sum->destinations_length; i++) {
		struct json *one = json_append_object(destinations);
		struct exhausted_destination destination;
		char address[SOCKET_ADDRESS_TEXT];

		exhausted_destination_of(&sum->destinations[i].key, &destination);
		format_destination(&destination, address);
		json_add_string(one, "destination", address);
		json_add_number(one, "destination_port", destination.port);
		json_add_number(one, "failures", (double)sum->destinations[i].count);
	}
	json_add_number(object, "other_destinations", (double)sum->other_destinations);
	owners = json_add_array(object, "owners");
	for (size_t i = 0; i < sum->owners_length; i++) {
		struct json *one = json_append_object(owners);

		add_owner(one, sum->owners[i].path, NULL);
		json_add_number(one, "failures", (double)sum->owners[i].count);
	}
	json_add_number(object, "other_owners", (double)sum->other_owners);
	trace_conflict_add_sum(object, sum);
	if (sum->packets)
		trace_lost_add_sum(object, sum->packets);
	if (sum->has_namespaces)
		add_namespaces(object, sum);
	return trace_put_json(root);
}
