// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/port_print.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "exporter/answers/namespaces_text.h"
#include "exporter/answers/port_advice.h"
#include "exporter/answers/port_json.h"
#include "exporter/answers/port_oneline.h"
#include "exporter/answers/port_text.h"
#include "exporter/base/json.h"
#include "exporter/base/terminal.h"

/* What a range has nothing on is left out; a port asked for by itself is answered. */
static bool is_told(const struct port_lookup *lookup, const struct options *options,
    const struct port_answer *answer, uint16_t port)
{
	return answer->local.total || answer->remote.total || port_snat_total(lookup->snat, port) ||
	       portset_has(&options->asked.named, port);
}

/* Nobody was found, and source NAT may have it. */
static bool lacks_snat(const struct port_lookup *lookup)
{
	return lookup->snat && lookup->snat->error && !port_lookup_has_any(lookup);
}

/* row: the namespace that it is of; NULL: that was not asked. */
static int print_json(const struct port_lookup *lookup, const struct options *options,
    const struct namespace_row *row)
{
	struct json *root = json_new_object();
	struct json *list;
	unsigned position = 0;
	struct port_range range;

	if (row)
		namespace_json_add_names(root, row);
	port_json_add_range(json_add_object(root, "range"), lookup->settings.range);
	port_json_add_source(root, lookup);
	list = json_add_array(root, "ports");
	while (portset_next_range(&options->asked.ports, &position, &range)) {
		for (unsigned port = range.first; port <= range.last; port++) {
			const struct port_answer answer =
			    port_lookup_answer(lookup, (uint16_t)port);

			if (is_told(lookup, options, &answer, (uint16_t)port))
				port_json_add(
				    json_append_object(list), lookup, &answer, options->limit);
		}
	}
	json_add_number(root, "empty_ports", lookup->empty);
	if (lacks_snat(lookup))
		json_add_bool(root, "snat_unknown", true);
	if (lookup->snat_left_out)
		json_add_number(root, "snat_left_out", (double)lookup->snat_left_out);
	if (options->by)
		json_add_number(root, "unsearched_sockets", (double)lookup->unsearched);
	if (port_lookup_has_any(lookup))
		port_json_add_advice(root, lookup, &options->asked.ports);

	char *text = json_print(root);
	const int result = text ? terminal_put_line(text) : -ENOMEM;

	free(text);
	json_free(root);
	return result;
}

static void print_advice(const struct port_lookup *lookup, const struct options *options)
{
	struct port_advice advice;

	port_advice_find(lookup, &options->asked.ports, &advice);
	port_advice_print(&lookup->settings, &advice);
}

#define UNSURE                                                                                   \
	"Without CAP_BPF and CAP_PERFMON, ports that bind() took before connect(), which every " \
	"destination has lost, look like ports that connect() took."

/* Whether something is said of a port that only the kernel's buckets could make sure of. */
static bool is_unsure(const struct port_lookup *lookup, const struct port_answer *answer)
{
	if (lookup->sees_buckets || !port_range_has(lookup->settings.range, answer->port))
		return false;
	for (size_t i = 0; i < answer->local.length; i++) {
		const struct port_socket *found = &answer->local.list[i];

		if (found->socket.protocol == SOCKET_TCP && found->chosen != CHOSEN_YES &&
		    (found->role == PORT_ROLE_OUTBOUND || found->role == PORT_ROLE_TIME_WAIT))
			return true;
	}
	return false;
}

/* "it, only root sees" */
static const char *lacking(const struct port_lookup *lookup, const struct options *options)
{
	const bool refused = lookup->snat->error == -EACCES || lookup->snat->error == -EPERM;

	if (portset_count(&options->asked.ports) == 1)
		return refused ? "it, only root sees" : "it, cannot be read here";
	return refused ? "them, only root sees" : "them, cannot be read here";
}

static void print_snat_left_out(const struct port_lookup *lookup, const struct options *options)
{
	const unsigned long count = lookup->snat_left_out;
	char text[160];

	if (!count)
		return;
	putchar('\n');
	snprintf(text, sizeof(text),
	    "Source NAT sends %lu connection%s out from %s. --by leaves %s out: %s no process "
	    "here.",
	    count, count == 1 ? "" : "s", portset_count(&options->asked.ports) == 1 ? "it" : "them",
	    count == 1 ? "it" : "them", count == 1 ? "it has" : "they have");
	terminal_print_wrapped(text, 0, terminal_width());
}

static void print_text(const struct port_lookup *lookup, const struct options *options)
{
	unsigned position = 0;
	unsigned untold = 0;
	struct port_range range;
	bool first = true;
	bool unsure = false;

	while (portset_next_range(&options->asked.ports, &position, &range)) {
		for (unsigned port = range.first; port <= range.last; port++) {
			const struct port_answer answer =
			    port_lookup_answer(lookup, (uint16_t)port);

			if (!is_told(lookup, options, &answer, (uint16_t)port)) {
				untold++;
				continue;
			}
			if (!first)
				putchar('\n');
			first = false;
			unsure = unsure || is_unsure(lookup, &answer);
			port_text_print(lookup, &answer, options->limit);
		}
	}
	if (unsure) {
		putchar('\n');
		terminal_print_wrapped(UNSURE, 0, terminal_width());
	}
	if (untold)
		printf("%sNothing %sis on the %s%u port%s.\n", first ? "" : "\n",
		    options->by || port_asked_is_part(&options->asked) ? "that you asked for " : "",
		    first ? "" : "other ", untold, untold == 1 ? "" : "s");
	if (lacks_snat(lookup))
		printf("\nWhether source NAT has %s.\n", lacking(lookup, options));
	print_snat_left_out(lookup, options);
	if (lookup->unsearched)
		printf("\nOf %lu more sockets on these ports, the owners were not searched.\n",
		    lookup->unsearched);
	/* Of a service that was not asked for, nothing is said. */
	if (port_lookup_has_any(lookup))
		print_advice(lookup, options);
	if (lookup->source[SOCKET_TCP] == SOURCE_PROCFS)
		terminal_print_source_note(options->source.kind == SOURCE_AUTO);
}

static size_t left_out(const struct port_side *side, size_t limit)
{
	const size_t shown = side->length < limit ? side->length : limit;

	return side->total - shown;
}

static int print_snat_lines(const struct port_snat *snat, size_t limit, size_t *more)
{
	int result = 0;

	for (size_t i = 0, length; snat && i < snat->length && result == 0; i += length) {
		const uint16_t port = snat->list[i].port;

		port_snat_find(snat, port, &length);
		result = port_oneline_print_snat(snat, port, limit);
		*more += port_snat_total(snat, port) - (length < limit ? length : limit);
	}
	return result;
}

/* What is left out is said where no one cuts columns. */
static int print_lines(const struct port_lookup *lookup, const struct options *options)
{
	size_t more = 0;
	int result = 0;

	for (size_t i = 0; i < lookup->length && result == 0; i++) {
		const struct port_answer *answer = &lookup->answers[i];

		result = port_oneline_print(lookup, answer, options->limit);
		more += left_out(&answer->local, options->limit) +
			left_out(&answer->remote, options->limit);
	}
	if (result == 0)
		result = print_snat_lines(lookup->snat, options->limit, &more);
	if (result == 0 && more)
		fprintf(stderr, "ephemera: port: %zu more %s are not shown (--limit)\n", more,
		    lookup->snat && lookup->snat->length ? "connections" : "sockets");
	if (result == 0 && lookup->unsearched)
		fprintf(stderr,
		    "ephemera: port: the owners of %lu more sockets were not searched\n",
		    lookup->unsearched);
	if (result == 0 && lookup->snat_left_out)
		fprintf(stderr,
		    "ephemera: port: %lu connections of source NAT are left out: they have no "
		    "process here\n",
		    lookup->snat_left_out);
	if (result == 0 && lacks_snat(lookup))
		fprintf(stderr, "ephemera: port: whether source NAT has %s\n",
		    lacking(lookup, options));
	return result;
}

int port_print(const struct port_lookup *lookup, const struct options *options,
    const struct namespace_row *row)
{
	if (options->json)
		return print_json(lookup, options, row);
	if (options->oneline)
		return print_lines(lookup, options);
	print_text(lookup, options);
	return 0;
}
