// SPDX-License-Identifier: Apache-2.0
/* `ephemera advise`: what to do on this host. */
#include <errno.h>
#include <stdlib.h>

#include "exporter/answers/advice.h"
#include "exporter/answers/socket_units.h"
#include "exporter/base/terminal.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/destinations_snat.h"
#include "exporter/commands/kernel_tables.h"
#include "exporter/commands/namespace_enter.h"
#include "exporter/commands/option_value.h"

extern const struct command advise_command;

static int print_json(const struct advice_list *list)
{
	struct json *object = json_new_object();

	advice_json_add(object, list);

	char *text = json_print(object);
	const int result = text ? terminal_put_line(text) : -ENOMEM;

	free(text);
	json_free(object);
	return result;
}

static int show(const struct options *options)
{
	struct portset units = {0};
	struct advice_facts *facts;
	struct advice_list list;
	int result;

	/* The units are those of the host: they say nothing about another namespace. */
	if (!options->namespace)
		(void)socket_units_read(options->systemd, &units);
	result = advice_facts_read(&options->source, options->sysfs, &facts);
	if (result < 0)
		return result;
	/* Most hosts translate nothing, and others than root may not read what is translated. */
	(void)destinations_snat_fullest(options, &facts->snat);
	result = advice_find(facts, &units, &list);
	if (result == 0) {
		if (options->json)
			result = print_json(&list);
		else
			advice_print(&list, namespace_was_left(), terminal_width());
		advice_list_free(&list);
	}
	advice_facts_free(facts);
	return result < 0 ? result : terminal_flush();
}

static int run_advise(struct options *options)
{
	char error[NAMESPACE_ERROR_SIZE];
	int result = namespace_enter(options, error);

	if (result < 0)
		return command_end(&advise_command, result, error);
	if (kernel_tables_open(options, KERNEL_TABLES_PEOPLE) < 0)
		return EXIT_FAILED;
	result = show(options);
	kernel_tables_close(options);
	return command_end(&advise_command, result, NULL);
}

static int check_advise(const struct options *options, char error[static OPTIONS_ERROR_SIZE])
{
	if (options->source.replay)
		return option_fail(error, "advise and --sockets.replay cannot be combined");
	if (namespace_is_all(options))
		return option_fail(error,
		    "%s shows one network namespace: --namespace=all is for "
		    "destinations, port and trace",
		    "advise");
	return namespace_check(options, error);
}

static const struct command_example examples[] = {
    {"See what to do on this host", "ephemera advise"},
    {"See what to do in a pod", "ephemera advise --namespace=shop/checkout-7d9f4c"},
    {NULL, NULL},
};

const struct command advise_command = {
    .name = "advise",
    .help = "print what to do on this host, with commands to paste; it changes nothing",
    .examples = examples,
    .takes_flags = true,
    .prints_commands = true,
    .check = check_advise,
    .run = run_advise,
};
