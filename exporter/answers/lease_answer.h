/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LEASE_ANSWER_H
#define EPHEMERA_LEASE_ANSWER_H

/* The answer of a lease_search, on standard output. Each returns 0 or -errno. */

#include "exporter/answers/lease_search.h"

int lease_answer_print(
    const struct lease_search_options *wanted, const struct lease_answer *answer);
int lease_answer_print_json(
    const struct lease_search_options *wanted, const struct lease_answer *answer);

#endif
