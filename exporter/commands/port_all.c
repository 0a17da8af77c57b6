// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/port_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/views/port_namespaces.h"
#include "exporter/answers/namespaces_text.h"
#include "exporter/answers/port_text.h"
#include "exporter/base/terminal.h"
#include "exporter/commands/kernel_tables.h"
#include "exporter/commands/namespace_enter.h"

/* What the walk told of a namespace that cannot be entered, and why not; NULL: that is said later.
 */
static void print_walked(const struct port_namespace *found, const char *why)
{
	const struct port_side *side = &found->side;

	for (size_t i = 0; i < side->length; i++) {
		const int column = printf("  ");

		port_text_print_socket(&side->list[i].socket, column, NULL);
	}
	if (side->total > side->length)
		printf("  and %zu more (--limit)\n", side->total - side->length);
	if (why)
		terminal_print_wrapped(why, 2, terminal_width());
}

static int print_walked_json(const struct port_namespace *found, const char *why)
{
	struct json *root = json_new_object();
	int result;

	namespace_json_add_names(root, found->row);
	json_add_number(root, "sockets", (double)found->side.total);
	json_add_string(root, "error", why);

	char *text = json_print(root);

	result = text ? terminal_put_line(text) : -ENOMEM;
	free(text);
	json_free(root);
	return result;
}

/* refused: gets why no other namespace can be entered, if so. */
static int ask_one(const struct options *options, const struct port_namespace *found, port_ask *ask,
    char refused[static NAMESPACE_ERROR_SIZE])
{
	char error[NAMESPACE_ERROR_SIZE];
	int status;
	int result;

	if (!options->json)
		namespace_print_heading(found->row);
	result = namespace_enter_row(options, found->row, error);
	if (result == 0)
		return ask(options, found->row, &status);
	if (options->json)
		return print_walked_json(found, error);
	if (result == -EPERM)
		memcpy(refused, error, NAMESPACE_ERROR_SIZE);
	print_walked(found, result == -EPERM ? NULL : error);
	return 0;
}

/*
 * Our namespace, if it has no socket on the ports, but source NAT there has given them to some: the
 * walk does not tell. NULL: it has not. To look at all others for that would mean to enter each.
 */
static int find_own(const struct options *options, const struct namespace_rows *rows,
    const struct port_namespaces *found, const struct namespace_row **ret_row)
{
	struct port_snat *snat;
	int result;

	*ret_row = NULL;
	for (size_t i = 0; i < found->length; i++)
		if (found->list[i].row->flags & WALK_READER)
			return 0;
	result = port_snat_read(options->procfs, options_values(options, "snat"),
	    &options->asked.ports, &options->asked, &snat);
	if (result < 0)
		return result;
	for (size_t i = 0; i < rows->length && snat->length; i++)
		if (rows->list[i].flags & WALK_READER)
			*ret_row = &rows->list[i];
	port_snat_free(snat);
	return 0;
}

static int ask_each(const struct options *options, const struct namespace_rows *rows,
    const struct port_namespaces *found, const struct namespace_row *own, port_ask *ask)
{
	char refused[NAMESPACE_ERROR_SIZE] = "";
	int result = 0;

	if (own)
		result = ask_one(options, &(struct port_namespace){.row = own}, ask, refused);
	for (size_t i = 0; i < found->length && result == 0; i++) {
		if ((own || i > 0) && !options->json)
			putchar('\n');
		result = ask_one(options, &found->list[i], ask, refused);
	}
	if (refused[0]) {
		puts("\nOf other network namespaces only the sockets are shown, not their "
		     "processes:");
		terminal_print_wrapped(refused, 0, terminal_width());
	}
	if (found->length == 0 && !own && !options->json)
		printf("Nothing is on %s in any of %zu network namespaces.\n",
		    portset_count(&options->asked.ports) == 1 ? "this port" : "these ports",
		    rows->length);
	if (!walk_has_udp(options->source.walk) && !options->json)
		puts("\nA namespace that only has UDP there is not shown: that needs Linux 6.2.");
	return result < 0 ? result : terminal_flush();
}

int port_all(struct options *options, port_ask *ask, bool *ret_any, const char **ret_reason)
{
	struct namespace_rows *rows = NULL;
	struct port_namespaces *found = NULL;
	const struct namespace_row *own = NULL;
	int result = kernel_tables_open_all(options, ret_reason);

	if (result == 0)
		result = namespace_rows_read(&options->source, options->sysfs, options->pods,
		    options->namespaces.names, &rows);
	if (result == 0)
		result = port_namespaces_find(
		    options->source.walk, rows, &options->asked, options->limit, &found);
	if (result == 0)
		result = find_own(options, rows, found, &own);
	if (result == 0)
		result = ask_each(options, rows, found, own, ask);
	if (result == 0)
		*ret_any = found->length > 0 || own;
	if ((result == -EOPNOTSUPP || result == -ENOBUFS) && options->source.walk)
		*ret_reason = kernel_tables_changed;
	port_namespaces_free(found);
	namespace_rows_free(rows);
	kernel_tables_close(options);
	return result;
}
