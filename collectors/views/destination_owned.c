// SPDX-License-Identifier: Apache-2.0
/* Which destinations somebody's ports go to. */
#include <stdlib.h>

#include "collectors/views/destination_rows.h"

/* Puts into the row which of its owners is asked for. */
static bool is_owned(struct destination_row *row, const struct owner_filter *owners)
{
	for (size_t i = 0; i < row->owned.length; i++) {
		if (!owner_name_is_known(&row->owned.names[i]) ||
		    !owner_filter_has_cgroup(owners, row->owned.names[i].path))
			continue;
		row->shown_owner = i;
		return true;
	}
	return false;
}

void destination_rows_keep_owned(struct destination_rows *rows, const struct owner_filter *owners)
{
	const size_t length = rows->length;

	rows->unsearched = rows->destinations - length;
	rows->destinations = rows->ports = rows->reusable = rows->length = 0;
	for (size_t i = 0; i < length; i++) {
		struct destination_row *row = &rows->list[i];

		if (is_owned(row, owners)) {
			rows->destinations++;
			rows->ports += destination_total(&row->destination);
			rows->reusable += row->destination.ports[PORT_REUSABLE];
			rows->list[rows->length++] = *row;
			continue;
		}
		rows->others++;
		free((void *)row->owned.owners);
		owner_names_free(row->owned.names, row->owned.length);
	}
}
