// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/owner_match.h"

#include <string.h>

#include "collectors/kernel/container.h"

#define SHORT_ID_LENGTH 12 /* as docker and podman print ids of containers */

/* Whether path is owner, or below it. */
static bool is_at(const char *owner, const char *path)
{
	size_t length = strlen(owner);

	if (strcmp(owner, "/") == 0)
		return strcmp(path, owner) == 0;
	while (length > 1 && owner[length - 1] == '/')
		length--;
	return strncmp(path, owner, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool has_part(const char *owner, const char *path)
{
	static const char service[] = ".service";
	const size_t length = strlen(owner);

	for (const char *part = path; *part == '/'; part += strcspn(part, "/")) {
		size_t rest;

		part++;
		if (strncmp(part, owner, length) != 0)
			continue;
		rest = strcspn(part, "/") - length;
		if (rest == 0 ||
		    (rest == sizeof(service) - 1 && strncmp(part + length, service, rest) == 0))
			return true;
	}
	return false;
}

static bool is_container(const char *owner, const char *id)
{
	const size_t length = strlen(owner);

	return length >= SHORT_ID_LENGTH && strncmp(owner, id, length) == 0;
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
	if (is_container(owner, container.id))
		return true;
	if (!container.pod_uid[0])
		return false;
	return strcmp(owner, container.pod_uid) == 0 ||
	       (pods_find(pods, container.pod_uid, &pod) && is_pod(owner, &pod));
}
