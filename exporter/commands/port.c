// SPDX-License-Identifier: Apache-2.0
/* `ephemera port`: what is on these ports. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exporter/answers/namespaces_text.h"
#include "exporter/answers/port_advice.h"
#include "exporter/answers/port_age.h"
#include "exporter/answers/port_expression.h"
#include "exporter/answers/port_json.h"
#include "exporter/answers/port_text.h"
#include "exporter/base/json.h"
#include "exporter/base/terminal.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/kernel_tables.h"
#include "exporter/commands/namespace_enter.h"
#include "exporter/commands/option_value.h"
#include "exporter/commands/port_all.h"
#include "exporter/commands/port_at.h"

/* So many sockets of a port and side are sorted. */
#define SORTED_MAX 4096

/* Of a port with more sockets than this only their number is watched. */
#define WATCHED_MAX 1000

extern const struct command port_command;

struct watch {
	const struct options *options;
	struct port_lookup *last; /* NULL before the first look */
	struct portset advised;	  /* the ports of the commands that were printed */
};

/* What a range has nothing on is left out; a port asked for by itself is answered. */
static bool is_told(const struct options *options, const struct port_answer *answer, uint16_t port)
{
	return answer->local.total || answer->remote.total ||
	       portset_has(&options->single_ports, port);
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
	while (portset_next_range(&options->ports, &position, &range)) {
		for (unsigned port = range.first; port <= range.last; port++) {
			const struct port_answer answer =
			    port_lookup_answer(lookup, (uint16_t)port);

			if (is_told(options, &answer, (uint16_t)port))
				port_json_add(
				    json_append_object(list), lookup, &answer, options->limit);
		}
	}
	json_add_number(root, "empty_ports", lookup->empty);
	port_json_add_advice(root, lookup, &options->ports);

	char *text = json_print(root);
	const int result = text ? terminal_put_line(text) : -ENOMEM;

	free(text);
	json_free(root);
	return result;
}

static void print_advice(const struct port_lookup *lookup, const struct options *options)
{
	struct port_advice advice;

	port_advice_find(lookup, &options->ports, &advice);
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

static void print_text(const struct port_lookup *lookup, const struct options *options)
{
	unsigned position = 0;
	unsigned untold = 0;
	struct port_range range;
	bool first = true;
	bool unsure = false;

	while (portset_next_range(&options->ports, &position, &range)) {
		for (unsigned port = range.first; port <= range.last; port++) {
			const struct port_answer answer =
			    port_lookup_answer(lookup, (uint16_t)port);

			if (!is_told(options, &answer, (uint16_t)port)) {
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
		printf("%sNothing is on the %s%u port%s.\n", first ? "" : "\n",
		    first ? "" : "other ", untold, untold == 1 ? "" : "s");
	print_advice(lookup, options);
	if (lookup->source[SOCKET_TCP] == SOURCE_PROCFS)
		terminal_print_source_note(options->source.kind == SOURCE_AUTO);
}

static int print(const struct port_lookup *lookup, const struct options *options,
    const struct namespace_row *row)
{
	if (options->json)
		return print_json(lookup, options, row);
	print_text(lookup, options);
	return 0;
}

static int look(const struct options *options, size_t limit, struct port_lookup **ret_lookup)
{
	const struct port_lookup_options lookup_options = {
	    .source = &options->source,
	    .sysfs = options->sysfs,
	    .limit = limit,
	    .everyone = options->all_processes,
	};

	return port_lookup_run(&lookup_options, &options->ports, ret_lookup);
}

static int status_of(const struct port_lookup *lookup)
{
	return lookup->length ? EXIT_SOMETHING : EXIT_NOTHING;
}

/* The same socket at another time: connections by their ends, the rest by inode too. */
static bool is_same(const struct socket *a, const struct socket *b)
{
	return socket_same_ends(a, b) && (a->remote_port || a->inode == b->inode);
}

static const struct port_socket *find(const struct port_side *side, const struct socket *socket)
{
	for (size_t i = 0; i < side->length; i++)
		if (is_same(&side->list[i].socket, socket))
			return &side->list[i];
	return NULL;
}

static void print_change(char sign, const struct socket *socket, const char *was)
{
	char clock[16];
	struct tm local;
	const time_t now = time(NULL);

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &local));
	port_text_print_socket(socket, printf("%s %c ", clock, sign), was);
}

static bool compare_sides(const struct port_lookup *lookup, const struct port_side *before,
    const struct port_side *after, bool quiet)
{
	bool changed = before->total != after->total;

	/* What is not kept cannot be told from what went. */
	if (before->total > before->length || after->total > after->length) {
		if (changed && !quiet)
			printf("         %lu sockets, %lu before\n", after->total, before->total);
		return changed;
	}
	for (size_t i = 0; i < before->length; i++) {
		if (find(after, &before->list[i].socket))
			continue;
		changed = true;
		if (!quiet)
			print_change('-', &before->list[i].socket, NULL);
	}
	for (size_t i = 0; i < after->length; i++) {
		const struct socket *socket = &after->list[i].socket;
		const struct port_socket *old = find(before, socket);

		if (old && old->socket.state == socket->state)
			continue;
		changed = true;
		if (quiet)
			continue;
		print_change(
		    old ? '~' : '+', socket, old ? socket_state_name(old->socket.state) : NULL);
		port_text_print_details(lookup, &after->list[i], 11);
	}
	return changed;
}

/*
 * A command for services that came since, and a new one where somebody has changed what is
 * reserved: the one that was printed before would undo that.
 */
static void print_new_advice(struct watch *watch, const struct port_lookup *now)
{
	const struct portset *reserved = &now->settings.reserved;
	struct port_advice advice;
	struct portset untold;

	port_advice_find(now, &watch->options->ports, &advice);
	untold = advice.ports;
	portset_remove(&untold, &watch->advised);
	if (portset_count(&untold) ||
	    memcmp(reserved, &watch->last->settings.reserved, sizeof(*reserved)) != 0)
		port_advice_print(&now->settings, &advice);
	portset_unite(&watch->advised, &advice.ports);
}

/* Prints what is different, unless quiet. Returns whether anything is. */
static bool compare(const struct watch *watch, const struct port_lookup *now, bool quiet)
{
	unsigned position = 0;
	struct port_range range;
	bool changed = false;

	while (portset_next_range(&watch->options->ports, &position, &range)) {
		for (unsigned port = range.first; port <= range.last; port++) {
			const struct port_answer before =
			    port_lookup_answer(watch->last, (uint16_t)port);
			const struct port_answer after = port_lookup_answer(now, (uint16_t)port);

			if (compare_sides(now, &before.local, &after.local, quiet))
				changed = true;
			if (compare_sides(now, &before.remote, &after.remote, quiet))
				changed = true;
		}
	}
	return changed;
}

static int watch_once(void *context)
{
	struct watch *watch = context;
	const bool json = watch->options->json;
	struct port_lookup *now;
	int result = look(watch->options, WATCHED_MAX, &now);

	if (result < 0)
		return result;
	if (!watch->last) {
		struct port_advice advice;

		port_advice_find(now, &watch->options->ports, &advice);
		watch->advised = advice.ports;
		result = print(now, watch->options, NULL);
		if (!json)
			puts("\nWatching for changes, until Ctrl-C.");
	} else if (compare(watch, now, json) && json) {
		result = print_json(now, watch->options, NULL);
	} else if (!json) {
		print_new_advice(watch, now);
	}
	port_lookup_free(watch->last);
	watch->last = now;
	return result < 0 ? result : terminal_flush();
}

static int run_watch(const struct options *options, int *ret_status)
{
	struct watch watch = {.options = options};
	const int result = terminal_watch(watch_once, &watch);

	if (watch.last)
		*ret_status = status_of(watch.last);
	port_lookup_free(watch.last);
	return result;
}

static void sort_by_age(struct port_lookup *lookup)
{
	for (size_t i = 0; i < lookup->length; i++) {
		port_age_sort(&lookup->answers[i].local);
		port_age_sort(&lookup->answers[i].remote);
	}
}

static int run_once(const struct options *options, const struct namespace_row *row, int *ret_status)
{
	const size_t limit = options->sorts_by_age ? SORTED_MAX : options->limit;
	struct port_lookup *lookup;
	int result = look(options, limit, &lookup);

	if (result < 0)
		return result;
	if (options->sorts_by_age)
		sort_by_age(lookup);
	*ret_status = status_of(lookup);
	result = print(lookup, options, row);
	port_lookup_free(lookup);
	return result < 0 ? result : terminal_flush();
}

static int run_all(struct options *options)
{
	const char *reason = NULL;
	bool any = false;
	const int result = port_all(options, run_once, &any, &reason);

	if (command_end(&port_command, result, reason) != EXIT_DONE)
		return EXIT_ERROR;
	return any ? EXIT_SOMETHING : EXIT_NOTHING;
}

static int run_port(struct options *options)
{
	int status = EXIT_NOTHING;

	if (options->at)
		return port_at(options);
	if (namespace_is_all(options))
		return run_all(options);

	char error[NAMESPACE_ERROR_SIZE];
	int result = namespace_enter(options, error);

	if (result < 0) {
		command_end(&port_command, result, error);
		return EXIT_ERROR;
	}
	if (kernel_tables_open(options, KERNEL_TABLES_PEOPLE) < 0)
		return EXIT_ERROR;
	result = options->watch ? run_watch(options, &status) : run_once(options, NULL, &status);
	kernel_tables_close(options);
	return command_end(&port_command, result, NULL) == EXIT_DONE ? status : EXIT_ERROR;
}

static int read_ports(
    struct options *options, const char *argument, char error[static OPTIONS_ERROR_SIZE])
{
	struct port_range range;
	const char *wrong = port_expression_parse(argument, &range);

	if (wrong)
		return option_fail(error, "port: \"%.80s\": %s", argument, wrong);
	portset_add_range(&options->ports, range);
	if (!strchr(argument, '-'))
		portset_add(&options->single_ports, range.first);
	return 0;
}

static int check_ports(const struct options *options, char error[static OPTIONS_ERROR_SIZE])
{
	if (portset_count(&options->ports) == 0)
		return option_fail(error, "port: needs a port, such as \"ephemera port 60416\" or "
					  "\"ephemera port 60416 8000-8080\"");
	if (namespace_is_all(options) && options->watch)
		return option_fail(error, "--namespace=all and --watch cannot be combined");
	if (namespace_check(options, error) < 0)
		return -EINVAL;
	return port_at_check(options, error);
}

const struct command port_command = {
    .name = "port",
    .arguments = "PORT|FIRST-LAST...",
    .help = "print what uses these ports, or who had them; exit status 0: something, 1: nothing, "
	    "2: error",
    .takes_flags = true,
    .read_argument = read_ports,
    .check = check_ports,
    .run = run_port,
};
