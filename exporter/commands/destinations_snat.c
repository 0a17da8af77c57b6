// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/destinations_snat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collectors/registry.h"
#include "collectors/snat.h"
#include "collectors/snat_range.h"
#include "collectors/views/snat_rows.h"
#include "exporter/answers/snat_text.h"
#include "exporter/base/terminal.h"
#include "exporter/commands/filter.h"
#include "exporter/commands/namespace_enter.h"
#include "exporter/commands/option_value.h"

int destinations_snat_check(const struct options *options, char error[static OPTIONS_ERROR_SIZE])
{
	const char *other = options->by			? "--by"
			    : options->resolve		? "--resolve"
			    : options->source.replay	? "--sockets.replay"
			    : namespace_is_all(options) ? "--namespace=all"
							: NULL;

	if (options->snat_ports.last && !options->snat)
		return option_fail(error, "--snat-ports needs --snat");
	if (options->snat && other)
		return option_fail(error, "--snat and %s cannot be combined", other);
	return 0;
}

struct look {
	const struct options *options;
	struct conntrack *conntrack;
};

static struct snat_asked asked_of(const struct options *options)
{
	const unsigned long *values = options_values(options, "snat");
	const struct snat_range range = snat_range_find(
	    options->snat_ports.last ? collector_ports(options->snat_ports) : values[SNAT_PORTS]);

	return (struct snat_asked){
	    .pools = snat_pools_options_of(values, range.ports),
	    .origin = range.origin,
	    .remark = range.remark,
	    .peers = filter_peers(options),
	    .limit = options->limit,
	    .clients = values[SNAT_CLIENTS_LIMIT],
	};
}

int destinations_snat_fullest(const struct options *options, struct snat_rows **ret_rows)
{
	struct conntrack *conntrack;
	int result = snat_open(options_values(options, "snat"), options->procfs, &conntrack);

	if (result < 0)
		return result;

	struct snat_asked asked = asked_of(options);

	asked.limit = 1;
	asked.clients = 1;
	result = snat_rows_read(conntrack, &asked, ret_rows);
	conntrack_close(conntrack);
	return result;
}

struct table {
	const struct snat_rows *rows;
	size_t most;
};

static void print_table(const void *context, size_t limit)
{
	const struct table *table = context;

	snat_print(table->rows, limit, terminal_width(), terminal_reason(limit, table->most));
}

static int print_json(const struct snat_rows *rows, const struct options *options)
{
	struct json *object = json_new_object();

	snat_json_add(object, rows, options->limit);
	if (filter_is_asked(options))
		json_add_number(object, "snat_pools_not_asked_for", (double)rows->others);

	char *text = json_print(object);
	const int result = text ? terminal_put_line(text) : -ENOMEM;

	free(text);
	json_free(object);
	return result;
}

static int print(const struct snat_rows *rows, const struct options *options)
{
	const struct table table = {rows, options->limit};

	if (options->json)
		return print_json(rows, options);
	if (options->watch)
		return terminal_show(print_table, &table, options->limit);
	print_table(&table, options->limit);
	return 0;
}

static int show(void *context)
{
	const struct look *look = context;
	const struct snat_asked asked = asked_of(look->options);
	struct snat_rows *rows;
	int result = snat_rows_read(look->conntrack, &asked, &rows);

	if (result < 0)
		return result;
	result = print(rows, look->options);
	snat_rows_free(rows);
	if (result == 0 && look->options->watch && !look->options->json && !isatty(STDOUT_FILENO))
		putchar('\n');
	return result < 0 ? result : terminal_flush();
}

static const char *reason_of(int result, bool by_netlink)
{
	if ((result == -EACCES || result == -EPERM) && by_netlink)
		return "--collector.snat.netlink needs CAP_NET_ADMIN";
	if (result == -EACCES || result == -EPERM)
		return "reading which connections are translated needs root or "
		       "CAP_DAC_READ_SEARCH";
	if (result == -ENOENT)
		return "nothing tracks connections in this network namespace, or the kernel has no "
		       "net/nf_conntrack below --path.procfs (--collector.snat.netlink does "
		       "without it)";
	return NULL;
}

int destinations_snat(struct options *options, const char **ret_reason)
{
	struct look look = {.options = options};
	const unsigned long *values = options_values(options, "snat");
	int result = snat_open(values, options->procfs, &look.conntrack);

	*ret_reason = reason_of(result, values[SNAT_NETLINK]);
	if (result < 0)
		return result;
	result = options->watch ? terminal_watch(show, &look) : show(&look);
	if (result == -EBADMSG)
		*ret_reason = "net/nf_conntrack below --path.procfs has lines that cannot be read";
	conntrack_close(look.conntrack);
	return result;
}
