// SPDX-License-Identifier: Apache-2.0
/* `ephemera port`: what is on these ports. */
#include <errno.h>
#include <stdio.h>

#include "collectors/views/port_namespaces.h"
#include "collectors/views/port_owned.h"
#include "exporter/answers/port_age.h"
#include "exporter/answers/port_expression.h"
#include "exporter/base/terminal.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/filter.h"
#include "exporter/commands/kernel_tables.h"
#include "exporter/commands/namespace_enter.h"
#include "exporter/commands/option_value.h"
#include "exporter/commands/port_all.h"
#include "exporter/commands/port_at.h"
#include "exporter/commands/port_print.h"
#include "exporter/commands/port_watch.h"

/* So many sockets of a port and side are sorted, searched for their owners, and shown together. */
#define EXAMINED_MAX 4096

extern const struct command port_command;

static int keep_owned(const struct options *options, struct port_lookup *lookup)
{
	struct owner_filter *owners;
	int result = filter_open_owners(options, &owners);

	if (result < 0 || !owners)
		return result;
	result = owner_filter_begin(owners, false);
	if (result == 0)
		port_lookup_keep_owned(lookup, owners);
	owner_filter_free(owners);
	return result;
}

/* Once for all ports. A connection of source NAT has no process here: with --by it is only counted.
 */
static int add_snat(const struct options *options, struct port_lookup *lookup)
{
	struct port_snat *snat;
	int result;

	if (options->source.replay)
		return 0;
	result = port_snat_read(options->procfs, options_values(options, "snat"),
	    &options->asked.ports, &options->asked, &snat);
	if (result < 0)
		return result;
	if (options->by && snat->length) {
		lookup->snat_left_out = snat->length + snat->unlisted;
		port_snat_free(snat);
	} else {
		port_lookup_take_snat(lookup, &options->asked.ports, snat);
	}
	return 0;
}

static int look(const struct options *options, size_t limit, struct port_lookup **ret_lookup)
{
	const struct port_lookup_options lookup_options = {
	    .source = &options->source,
	    .sysfs = options->sysfs,
	    .asked = port_asked_is_part(&options->asked) ? &options->asked : NULL,
	    .limit = options->by ? EXAMINED_MAX : limit,
	    .everyone = options->all_processes,
	    .is_elsewhere = namespace_was_left(),
	};
	int result = port_lookup_run(&lookup_options, &options->asked.ports, ret_lookup);

	if (result == 0) {
		result = keep_owned(options, *ret_lookup);
		if (result == 0)
			result = add_snat(options, *ret_lookup);
		if (result < 0)
			port_lookup_free(*ret_lookup);
	}
	return result;
}

static int status_of(const struct port_lookup *lookup)
{
	return port_lookup_has_any(lookup) ? EXIT_SOMETHING : EXIT_NOTHING;
}

static void sort_by_age(struct port_lookup *lookup)
{
	for (size_t i = 0; i < lookup->length; i++) {
		port_age_sort(&lookup->answers[i].local);
		port_age_sort(&lookup->answers[i].remote);
	}
}

/* What is looked for is often in a container. Where BPF cannot be had, nothing is known of others.
 */
static void hint_at_others(const struct options *options)
{
	const bool one = portset_count(&options->asked.ports) == 1;
	size_t others = 0;

	if (!options->source.walk ||
	    port_namespaces_count_others(options->source.walk, &options->asked, &others) < 0 ||
	    others == 0)
		return;
	printf("\n%zu other network namespace%s something on %s: --namespace=all shows %s.\n",
	    others, others == 1 ? " has" : "s have", one ? "this port" : "these ports",
	    others == 1 ? "it" : "them");
}

static int run_once(const struct options *options, const struct namespace_row *row, int *ret_status)
{
	/* In text those that are alike are shown together, however many. */
	const bool is_list = options->json || options->oneline;
	const size_t limit = is_list && !options->sorts_by_age ? options->limit : EXAMINED_MAX;
	struct port_lookup *lookup;
	int result = look(options, limit, &lookup);

	if (result < 0)
		return result;
	if (options->sorts_by_age)
		sort_by_age(lookup);
	*ret_status = status_of(lookup);
	result = port_print(lookup, options, row);
	if (*ret_status == EXIT_NOTHING && !options->namespace && !options->by && !options->json &&
	    !options->oneline)
		hint_at_others(options);
	port_lookup_free(lookup);
	return result < 0 ? result : terminal_flush();
}

static int run_watch(const struct options *options, int *ret_status)
{
	bool any = false;
	const int result = port_watch(options, look, &any);

	*ret_status = any ? EXIT_SOMETHING : EXIT_NOTHING;
	return result;
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

	options->asked.peers = options->peers;
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
	const char *wrong = port_expression_add(&options->asked, argument);

	return wrong ? option_fail(error, "port: \"%.80s\": %s", argument, wrong) : 0;
}

/* Each of these prints something else in the place of the lines. */
static int check_oneline(const struct options *options, char error[static OPTIONS_ERROR_SIZE])
{
	if (!options->oneline)
		return 0;
	if (options->json)
		return option_fail(error, "--oneline and --json cannot be combined");
	if (options->watch)
		return option_fail(error, "--oneline and --watch cannot be combined");
	if (options->at)
		return option_fail(error, "--oneline and --at cannot be combined");
	if (namespace_is_all(options))
		return option_fail(error, "--oneline and --namespace=all cannot be combined");
	return 0;
}

static int check_ports(const struct options *options, char error[static OPTIONS_ERROR_SIZE])
{
	if (portset_count(&options->asked.ports) == 0)
		return option_fail(error, "port: needs a port, such as \"ephemera port 60416\" or "
					  "\"ephemera port 60416 8000-8080\"");
	if (namespace_is_all(options) && options->watch)
		return option_fail(error, "--namespace=all and --watch cannot be combined");
	if (namespace_is_all(options) && options->by)
		return option_fail(error,
		    "port: --namespace=all and --by cannot be combined: ask one namespace, such as "
		    "--namespace=POD");
	if (namespace_check(options, error) < 0 || check_oneline(options, error) < 0)
		return -EINVAL;
	return port_at_check(options, error);
}

static const struct command_example examples[] = {
    {"See what uses a port and a range", "ephemera port 60416 8000-8080"},
    {"See who uses one address and port, and one port of UDP", "ephemera port 10.0.0.1:443 udp/53"},
    {"Find a port in any network namespace", "ephemera port 8080 --namespace=all"},
    {"Print a line for each socket of a range, for grep", "ephemera port 8000-8080 --oneline"},
    {"See who had a port at 12:03, in the lines of \"ephemera trace --leases --json\"",
	"ephemera port 40312 --at=12:03 --leases=leases.jsonl"},
    {NULL, NULL},
};

const struct command port_command = {
    .name = "port",
    .arguments = "PORT|FIRST-LAST|SERVICE...",
    .help = "print what uses these ports, or who had them; exit status 0: something, 1: nothing, "
	    "2: error",
    .examples = examples,
    .takes_flags = true,
    .prints_commands = true,
    .read_argument = read_ports,
    .check = check_ports,
    .run = run_port,
};
