// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/views/destination_rows.h"

static int name_all(struct cgroups *cgroups, struct destination_rows *rows)
{
	cleanup_free struct owned *lists = calloc(rows->length ? rows->length : 1, sizeof(*lists));
	int result;

	if (!lists)
		return -ENOMEM;
	for (size_t i = 0; i < rows->length; i++)
		lists[i] = rows->list[i].owned;
	result = owner_names_lists(cgroups, lists, rows->length);
	for (size_t i = 0; i < rows->length; i++) {
		if (result == 0)
			rows->list[i].owned = lists[i];
		else
			owner_names_free(lists[i].names, lists[i].length);
	}
	return result;
}

int destination_rows_name_owners(struct cgroups *cgroups, struct destination_rows *rows)
{
	int result;

	if (rows->has_names)
		return 0;
	result = cgroups_find_hierarchy(cgroups);
	/* Without cgroups only the owners are missing. */
	rows->lacks_cgroups = result == -EOPNOTSUPP;
	if (result == 0)
		result = name_all(cgroups, rows);
	else if (rows->lacks_cgroups)
		result = 0;
	rows->has_names = result == 0;
	return result;
}
