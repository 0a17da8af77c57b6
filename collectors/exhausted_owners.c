// SPDX-License-Identifier: Apache-2.0
#include "collectors/exhausted_owners.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/owner_labels.h"

const struct metric_family exhausted_owners = {
    .name = "ephemera_owner_port_exhaustion_errors_total",
    .help =
	"Calls that found no port, including bind(), of the cgroups with the most, up to "
	"--collector.exhaustion.owners-limit: those that suffer, and often cause it. Of another "
	"network namespace, up to 2.",
    .type = METRIC_COUNTER,
    .labels = {OWNER_LABELS},
    .example = "topk(10, rate(ephemera_owner_port_exhaustion_errors_total[5m]))",
};
const struct metric_family other_exhausted_owners = {
    .name = "ephemera_other_owner_port_exhaustion_errors_total",
    .help = "Of these, those of cgroups while they were not shown, and of sockets without a "
	    "cgroup.",
    .type = METRIC_COUNTER,
    .example = "rate(ephemera_other_owner_port_exhaustion_errors_total[5m]) > 0",
};

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

int exhausted_owners_emit(struct tally_top *top, struct cgroups *cgroups, struct pods *pods,
    uint64_t untracked, struct metric_set *set)
{
	struct owner_name *names;
	uint64_t others;
	size_t length;
	const int result = exhausted_owners_list(top, cgroups, &names, &length, &others);

	if (result < 0)
		return result;
	for (size_t i = 0; i < length; i++) {
		const struct owner_labels labels = owner_labels_of(pods, names[i].path);

		metric_add(set, &exhausted_owners, (double)names[i].count,
		    METRIC_LABELS(OWNER_VALUES(labels)));
	}
	owner_names_free(names, length);
	metric_add(set, &other_exhausted_owners, (double)(others + untracked), METRIC_NO_LABELS);
	return 0;
}
