// SPDX-License-Identifier: Apache-2.0
/*
 * Prints a scrape with histograms, for tests/web/test_histograms.py to read by the parsers of
 * others: print_histograms FORMAT, which is the number of an enum exposition_format.
 */
#include <stdio.h>
#include <stdlib.h>

#include "exporter/scrape/exposition.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct metric_family before = {
    .name = "ephemera_before", .help = "A gauge.", .type = METRIC_GAUGE};
static const struct metric_family leases = {.name = "ephemera_lease_seconds",
    .help = "A histogram with labels: \"quoted\", back\\slash.",
    .type = METRIC_HISTOGRAM,
    .labels = {"protocol", "cgroup"}};
static const struct metric_family intervals = {.name = "ephemera_interval_seconds",
    .help = "A histogram without labels.",
    .type = METRIC_HISTOGRAM};
static const struct metric_family silent = {
    .name = "ephemera_silent_seconds", .help = "Nothing came.", .type = METRIC_HISTOGRAM};
static const struct metric_family after = {
    .name = "ephemera_after_total", .help = "A counter.", .type = METRIC_COUNTER};
static const struct metric_family *const families[] = {
    &before, &leases, &intervals, &silent, &after, NULL};

static void fill(struct metric_set *set)
{
	static const double bounds[] = {0.00001, 0.001, 0.3, 1, 60, 86400, 1e6};
	static const uint64_t none[LENGTH(bounds) + 1] = {0};
	static const uint64_t few[] = {0, 3, 0, 5, 7, 0, 0, 2};
	static const uint64_t many[] = {UINT64_C(9007199254740993), 0, 1, 1, 1, 1, 1, 1};
	struct metric_histogram histogram = {.bounds = bounds, .length = LENGTH(bounds)};

	histogram.counts = none;
	metric_add_histogram(set, &leases, &histogram, METRIC_LABELS("udp", ""));
	histogram.counts = few;
	histogram.sum = 2000123.25;
	metric_add_histogram(
	    set, &leases, &histogram, METRIC_LABELS("tcp", "/a\"b\\c\nd,le=\"1\""));
	metric_add(set, &before, 1, METRIC_NO_LABELS);
	histogram.counts = many;
	histogram.sum = 1e18;
	metric_add_histogram(set, &intervals, &histogram, METRIC_NO_LABELS);
	metric_add(set, &after, 2, METRIC_NO_LABELS);
}

int main(int argc, char **argv)
{
	struct metric_set *set = metric_set_new();
	struct text text = {0};

	if (argc != 2 || !set)
		return EXIT_FAILURE;

	const enum exposition_format format = (enum exposition_format)strtol(argv[1], NULL, 10);

	fill(set);
	exposition_write(&text, format, set, families);
	exposition_end(&text, format);
	if (metric_set_error(set) < 0 || text.error < 0)
		return EXIT_FAILURE;
	fwrite(text.data, 1, text.length, stdout);
	free(text.data);
	metric_set_free(set);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
