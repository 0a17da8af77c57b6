// SPDX-License-Identifier: Apache-2.0
/* `ephemera namespaces`: the network namespaces of the host, the fullest first. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exporter/answers/namespaces_text.h"
#include "exporter/base/terminal.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/kernel_tables.h"

extern const struct command namespaces_command;

struct shown {
	const struct options *options;
	const char *reason; /* why it failed; NULL: the error says it */
};

static int print_json(const struct namespace_rows *rows, size_t limit)
{
	struct json *object = json_new_object();

	namespaces_json_add(object, rows, limit);

	char *text = json_print(object);
	const int result = text ? terminal_put_line(text) : -ENOMEM;

	free(text);
	json_free(object);
	return result;
}

/* Whether a pod is known by its number alone. */
static bool lacks_pod(const struct namespace_rows *rows)
{
	for (size_t i = 0; i < rows->length; i++)
		if (rows->list[i].labels.pod_uid && !rows->list[i].labels.pod)
			return true;
	return false;
}

static bool is_on_host(const struct namespace_rows *rows)
{
	for (size_t i = 0; i < rows->length; i++)
		if (rows->list[i].flags & WALK_READER)
			return rows->list[i].flags & WALK_FIRST;
	return false;
}

static void print_note(const char *before, const char *name, const char *behind)
{
	char text[PATH_MAX + 128];

	snprintf(text, sizeof(text), "%s%s%s", before, name, behind);
	putchar('\n');
	terminal_print_wrapped(text, 0, terminal_narrow_width());
}

static void print_notes(const struct namespace_rows *rows, const struct options *options)
{
	const char *pods = options->pods;
	const char *names = options->namespaces.names;

	if (!is_on_host(rows))
		print_note(
		    "This command does not run in the host's own network namespace.", "", "");
	if (lacks_pod(rows) && access(pods, R_OK | X_OK) < 0)
		print_note("Pods have no names here: cannot read ", pods, " (--path.pods).");
	if (access(names, R_OK | X_OK) < 0 && errno != ENOENT)
		print_note(
		    "Namespaces have no names here: cannot read ", names, " (--path.netns).");
}

struct table {
	const struct namespace_rows *rows;
	const struct options *options;
};

static void print_table(const void *context, size_t limit)
{
	const struct table *table = context;

	namespaces_print(table->rows, limit, terminal_narrow_width(),
	    terminal_reason(limit, table->options->limit));
	print_notes(table->rows, table->options);
}

static int show(void *context)
{
	struct shown *shown = context;
	const struct options *options = shown->options;
	struct namespace_rows *rows;
	int result = namespace_rows_read(
	    &options->source, options->sysfs, options->pods, options->namespaces.names, &rows);

	if (result == -EOPNOTSUPP)
		shown->reason = kernel_tables_changed;
	if (result < 0)
		return result;
	if (options->json) {
		result = print_json(rows, options->limit);
	} else {
		const struct table table = {rows, options};

		result = 0;
		if (options->watch)
			result = terminal_show(print_table, &table, options->limit);
		else
			print_table(&table, options->limit);
		if (options->watch && !isatty(STDOUT_FILENO))
			putchar('\n');
	}
	namespace_rows_free(rows);
	return result < 0 ? result : terminal_flush();
}

static int run_namespaces(struct options *options)
{
	struct shown shown = {options, NULL};
	int result = kernel_tables_open_all(options, &shown.reason);

	if (result == 0)
		result = options->watch ? terminal_watch(show, &shown) : show(&shown);
	kernel_tables_close(options);
	return command_end(&namespaces_command, result, shown.reason);
}

static const struct command_example examples[] = {
    {"See which network namespaces are the fullest, refreshed every second",
	"ephemera namespaces --watch"},
    {NULL, NULL},
};

const struct command namespaces_command = {
    .name = "namespaces",
    .help = "print the host's network namespaces as a table, the fullest first; needs CAP_BPF and "
	    "CAP_PERFMON",
    .examples = examples,
    .takes_flags = true,
    .run = run_namespaces,
};
