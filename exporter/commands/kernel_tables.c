// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/kernel_tables.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collectors/binds.h"
#include "collectors/kernel/bind_buckets.h"
#include "collectors/kernel/walk.h"
#include "collectors/kernel/walk_check.h"
#include "exporter/base/log.h"
#include "exporter/base/rights.h"

static unsigned long buckets_asked(const struct options *options)
{
	return options->values[collector_find("binds")][BINDS_BUCKETS];
}

static bool wants_walk(const struct options *options)
{
	const struct source_options *source = &options->source;

	/* The sockets of a replay are from another host or another time. */
	if (source->replay || source->record)
		return false;
	/* --no-collector.binds.buckets: what bind() holds is not to be read by BPF. */
	return source->kind == SOURCE_BPF || options->all_namespaces ||
	       (source->kind == SOURCE_AUTO && buckets_asked(options) != 0);
}

static bool wants_buckets(const struct options *options, enum kernel_tables_for purpose)
{
	const unsigned long asked = buckets_asked(options);

	if (options->source.replay)
		return false;
	if (asked != BINDS_BUCKETS_BY_DEFAULT)
		return asked;
	/* With --sockets.source=procfs show only what /proc has. */
	return purpose == KERNEL_TABLES_PEOPLE ? options->source.kind != SOURCE_PROCFS
					       : options_has_collector(options, "exhaustion");
}

/* Where BPF is not permitted, nothing is wrong: many run without. */
static enum log_level level_of(const struct options *options, int result)
{
	if (options->source.kind == SOURCE_BPF || options->all_namespaces)
		return LOG_LEVEL_ERROR;
	return result == -EBADE ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG;
}

static int open_checked(
    struct options *options, enum kernel_tables_for purpose, const char **ret_reason)
{
	struct walk *walk = NULL;
	int result = walk_open(&walk, ret_reason);

	if (result == 0)
		result =
		    walk_check(walk, options->procfs, purpose == KERNEL_TABLES_SERVICE, ret_reason);
	if (result < 0)
		walk_close(walk);
	else
		options->source.walk = walk;
	return result;
}

static int open_walk(struct options *options, enum kernel_tables_for purpose)
{
	const char *reason;
	const int result = open_checked(options, purpose, &reason);

	if (result < 0)
		log_line(level_of(options, result), "Cannot read sockets by BPF", "flag",
		    "--sockets.source", "err", strerrordesc_np(-result), "reason", reason, NULL);
	return result;
}

const char kernel_tables_changed[] =
    "the kernel's tables changed too often to read them; try again";

const char *kernel_tables_refused(const char *what)
{
	static char reason[128 + RIGHTS_TEXT_SIZE];
	char advice[RIGHTS_TEXT_SIZE];
	struct rights rights;

	rights_read(&rights);
	rights_explain(&rights, RIGHT_BPF | RIGHT_PERFMON, advice);
	snprintf(reason, sizeof(reason), "%s CAP_BPF and CAP_PERFMON: %s", what, advice);
	return reason;
}

int kernel_tables_open_all(struct options *options, const char **ret_reason)
{
	int result;

	if (options->source.kind != SOURCE_AUTO && options->source.kind != SOURCE_BPF) {
		*ret_reason = "other network namespaces are seen only by BPF: leave out "
			      "--sockets.source";
		return -EINVAL;
	}
	result = open_checked(options, KERNEL_TABLES_PEOPLE, ret_reason);
	if (result == -EPERM)
		*ret_reason = kernel_tables_refused(
		    "other network namespaces are seen only by BPF, which needs");
	return result;
}

static void open_buckets(struct options *options)
{
	const char *reason;
	const int result = bind_buckets_open(&options->source.buckets, &reason);

	/* If --collector.exhaustion asked for it, its collector says why. */
	if (result < 0)
		log_line(buckets_asked(options) == 1 ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG,
		    "Cannot see which ports bind() took before connect()", "flag",
		    "--collector.binds.buckets", "err", strerrordesc_np(-result), "reason", reason,
		    NULL);
}

int kernel_tables_open(struct options *options, enum kernel_tables_for purpose)
{
	if (wants_walk(options)) {
		const int result = open_walk(options, purpose);

		if (result == 0)
			return 0;
		if (options->source.kind == SOURCE_BPF)
			return result;
		if (options->all_namespaces)
			log_line(LOG_LEVEL_ERROR,
			    "Only this network namespace is shown: others are seen only by BPF",
			    "flag", "--namespaces", NULL);
	}
	if (wants_buckets(options, purpose))
		open_buckets(options);
	return 0;
}

void kernel_tables_close(struct options *options)
{
	walk_close(options->source.walk);
	bind_buckets_close(options->source.buckets);
	options->source.walk = NULL;
	options->source.buckets = NULL;
}
