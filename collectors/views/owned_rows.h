/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OWNED_ROWS_H
#define EPHEMERA_OWNED_ROWS_H

/* The destinations towards which one owner has active ports. */

#include "collectors/views/destination_rows.h"

struct owned_rows {
	/*
	 * Those of the rows, the most of its ports first, each with this owner alone: the path of
	 * its cgroup that has most of them, and the sum. The totals are the owner's.
	 */
	struct destination_rows *rows;
	struct owner_name *names; /* of these rows */
};

/*
 * owner: as owner_matches() takes it. rows must have names, and outlive the result. Returns 0 or
 * -ENOMEM; the caller releases the result.
 */
int owned_rows_make(const struct destination_rows *rows, const char *owner, struct pods *pods,
    struct owned_rows *ret_owned);
void owned_rows_release(struct owned_rows *owned);

#endif
