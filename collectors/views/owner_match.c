// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/owner_match.h"

#include <string.h>

#include "collectors/kernel/container.h"

/* Whether path is owner, or below it. */
static bool is_at(const char *owner, const char *path)
{
	const size_t length = strlen(owner);

	if (strcmp(owner, "/") == 0)
		return strcmp(path, owner) == 0;
	return strncmp(path, owner, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool has_part(const char *owner, const char *path)
{
	const size_t length = strlen(owner);

	for (const char *part = path; *part == '/'; part += strcspn(part, "/")) {
		part++;
		if (strcspn(part, "/") == length && strncmp(part, owner, length) == 0)
			return true;
	}
	return false;
}

static bool is_pod(const char *owner, const struct pod *pod)
{
	const char *slash = strchr(owner, '/');
	const size_t length = slash ? (size_t)(slash - owner) : 0;

	if (!slash)
		return strcmp(owner, pod->name) == 0;
	return strcmp(slash + 1, pod->name) == 0 && strlen(pod->namespace_name) == length &&
	       strncmp(owner, pod->namespace_name, length) == 0;
}

bool owner_matches(const char *owner, const char *path, struct pods *pods)
{
	struct container container = {{0}, {0}};
	struct pod pod;

	if (path[0] != '/')
		return false;
	if (owner[0] == '/')
		return is_at(owner, path);
	if (has_part(owner, path))
		return true;
	container_parse(path, &container);
	if (container.id[0] && strcmp(owner, container.id) == 0)
		return true;
	if (!container.pod_uid[0])
		return false;
	return strcmp(owner, container.pod_uid) == 0 ||
	       (pods_find(pods, container.pod_uid, &pod) && is_pod(owner, &pod));
}
