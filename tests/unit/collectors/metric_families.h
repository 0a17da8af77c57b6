/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_METRIC_FAMILIES_H
#define EPHEMERA_UNIT_METRIC_FAMILIES_H

/* A set of metrics, and families to put into it. */

#include "collectors/metric.h"

extern const struct metric_family plain, labelled, full; /* by none, two, and all labels */
extern const struct metric_family timed, labelled_timed; /* histograms, by none and two */

/* That of the test which runs. */
extern struct metric_set *set;
int set_up(void **state);
int tear_down(void **state);

/* How many samples of a family there are. */
unsigned count(const struct metric_family *family);

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
