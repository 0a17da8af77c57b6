// SPDX-License-Identifier: Apache-2.0
#include "metric_families.h"

#include "collectors/metric.h"
#include "unit.h"

const struct metric_family plain = {.name = "plain", .help = "Plain."};
const struct metric_family labelled = {
    .name = "labelled", .help = "Labelled.", .labels = {"one", "two"}};
const struct metric_family full = {
    .name = "full", .help = "Full.", .labels = {"a", "b", "c", "d", "e", "f", "g", "h"}};
const struct metric_family timed = {
    .name = "timed_seconds", .help = "Timed.", .type = METRIC_HISTOGRAM};
const struct metric_family labelled_timed = {.name = "labelled_timed_seconds",
    .help = "Timed, by two.",
    .type = METRIC_HISTOGRAM,
    .labels = {"one", "two"}};

struct metric_set *set;

int set_up(void **state)
{
	(void)state;
	set = metric_set_new();
	return set ? 0 : -1;
}

int tear_down(void **state)
{
	(void)state;
	metric_set_free(set);
	return 0;
}

unsigned count(const struct metric_family *family)
{
	unsigned found = 0;

	for (size_t i = metric_set_next(set, family, METRIC_FIRST); i != METRIC_END;
	     i = metric_set_next(set, family, i))
		found++;
	return found;
}
