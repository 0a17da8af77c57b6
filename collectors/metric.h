/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_METRIC_H
#define EPHEMERA_METRIC_H

/*
 * The result of one scrape: samples, each of a family. It knows no text format.
 *
 *	static const struct metric_family free_ports = {
 *		.name = "ephemera_free_ports", .type = METRIC_GAUGE,
 *		.help = "Ports that nobody holds.", .labels = {"family"}};
 *
 *	metric_add(set, &free_ports, 23, METRIC_LABELS("ipv4"));
 */

#include <stddef.h>
#include <stdint.h>

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

#define METRIC_LABELS_MAX 8

/* Static and constant: samples refer to their family by its address. */
struct metric_family {
	const char *name; /* a counter's ends in _total */
	const char *help; /* one line: what it is, and what to do with it */
	enum metric_type type;
	const char *labels[METRIC_LABELS_MAX + 1]; /* names, without le; NULL ends them */
	const char *example;  /* a PromQL query that uses it, for docs/metrics.md */
	const double *bounds; /* of a histogram: the same for all its samples */
	size_t bounds_length;
};

struct metric_set;

/* The values of a family's labels, in the order of their names. */
#define METRIC_LABELS(...) ((const char *const[METRIC_LABELS_MAX + 1]){__VA_ARGS__})
#define METRIC_NO_LABELS ((const char *const[METRIC_LABELS_MAX + 1]){NULL})

/* Returns an empty set, or NULL if memory ran out. */
struct metric_set *metric_set_new(void);
void metric_set_free(struct metric_set *set);

/*
 * Adds a sample. Copies the label values as they are, with any bytes. An error (memory, a wrong
 * number of labels) stays in the set for metric_set_error(): a collector need not check each call.
 */
void metric_add(struct metric_set *set, const struct metric_family *family, double value,
    const char *const labels[METRIC_LABELS_MAX + 1]);

/*
 * A histogram's state. bounds: upper, inclusive, ascending, without +Inf; counts has one more:
 * each its own, not cumulative, the last above all bounds. sum: of all values.
 */
struct metric_histogram {
	const double *bounds;
	size_t length;
	const uint64_t *counts;
	double sum;
};

/*
 * Adds a histogram, like metric_add() a sample. The family must be a histogram's here, and must not
 * be one there. Values are never negative, so bounds and sum must not be either.
 */
void metric_add_histogram(struct metric_set *set, const struct metric_family *family,
    const struct metric_histogram *histogram, const char *const labels[METRIC_LABELS_MAX + 1]);

/*
 * A label that samples have besides those of their family, because of where they come from, such as
 * the network namespace. One whose value is NULL is left out.
 */
struct metric_label {
	const char *name;
	const char *value;
};

/*
 * All samples that are added from now on have these labels, too; copied, and ended by one without a
 * name; NULL: none. If a family has one of them itself, its own value counts. Do not call it
 * between metric_set_mark() and metric_set_roll_back(). An error stays in the set.
 */
void metric_set_surround(struct metric_set *set, const struct metric_label *labels);

/* 0, -ENOMEM or -EINVAL: the first error since the set was made or last rolled back. */
int metric_set_error(const struct metric_set *set);

/* A mark: rolling back to it drops all later samples, and the error. */
size_t metric_set_mark(const struct metric_set *set);
void metric_set_roll_back(struct metric_set *set, size_t mark);

/*
 * Iterates over the samples of family in the order in which they were added: pass the last
 * position, or METRIC_FIRST to begin. Returns the next position, or METRIC_END.
 */
#define METRIC_FIRST ((size_t)-1)
#define METRIC_END ((size_t)-2)
size_t metric_set_next(
    const struct metric_set *set, const struct metric_family *family, size_t position);
/* Of a histogram: its sum. */
double metric_set_value(const struct metric_set *set, size_t position);
/* The values of its labels, one after the other, each ended by NUL. */
const char *metric_set_labels(const struct metric_set *set, size_t position);

/* Those of metric_set_surround(): name and value by turns, each ended by NUL, and then an empty
 * one. */
const char *metric_set_surroundings(const struct metric_set *set, size_t position);

/* The number of values up to an upper bound, including lower buckets. */
struct metric_bucket {
	double bound;
	uint64_t count;
};

/* A histogram's buckets, ascending; the bound of the last one is INFINITY. */
const struct metric_bucket *metric_set_buckets(const struct metric_set *set, size_t position);

#endif
