// SPDX-License-Identifier: Apache-2.0
#include "collectors/exhausted_owners.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/kernel/cleanup.h"

int exhausted_owners_list(struct tally_top *top, struct cgroups *cgroups,
    struct owner_name **ret_names, size_t *ret_length, uint64_t *ret_others)
{
	const struct tally_shown *shown;
	uint64_t others;
	size_t length = tally_top_look(top, &shown, &others);
	cleanup_free struct owner *list = calloc(length ? length : 1, sizeof(*list));
	int result;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < length; i++)
		list[i] = (struct owner){shown[i].key.words[0], shown[i].count};
	result = owner_names_list(cgroups, list, &length, ret_names);
	if (result < 0)
		return result;
	*ret_length = length;
	*ret_others = others;
	return 0;
}
