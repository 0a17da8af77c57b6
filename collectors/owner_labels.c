// SPDX-License-Identifier: Apache-2.0
#include "collectors/owner_labels.h"

struct owner_labels owner_labels_of(struct pods *pods, const char *cgroup)
{
	struct owner_labels labels = {.cgroup = cgroup, .namespace_name = "", .pod = ""};
	struct pod pod;

	container_parse(cgroup, &labels.container);
	if (pods_find(pods, labels.container.pod_uid, &pod)) {
		labels.namespace_name = pod.namespace_name;
		labels.pod = pod.name;
	}
	return labels;
}
