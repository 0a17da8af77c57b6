// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cgroups.h"
#include "collectors/views/destination_rows.h"

int destination_rows_name_owners(const char *sysfs, struct destination_rows *rows)
{
	struct cgroups *cgroups = NULL;
	int result = cgroups_new(sysfs, &cgroups);

	/* Without cgroups only the owners are missing. */
	if (result == -EOPNOTSUPP) {
		rows->lacks_cgroups = true;
		for (size_t i = 0; i < rows->length; i++)
			rows->list[i].owner_ports = 0;
		return 0;
	}
	for (size_t i = 0; i < rows->length && result == 0; i++) {
		const char *path = NULL;

		if (rows->list[i].owner_ports == 0)
			continue;
		result = cgroups_resolve(cgroups, &rows->list[i].owner_id, 1, &path);
		if (result < 0 || !path)
			continue;
		free(rows->list[i].owner); /* from a call that failed halfway */
		rows->list[i].owner = strdup(path);
		if (!rows->list[i].owner)
			result = -ENOMEM;
	}
	cgroups_free(cgroups);
	return result;
}
