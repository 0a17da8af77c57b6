// SPDX-License-Identifier: Apache-2.0
/*
 * Whose a network namespace is. Nothing in the kernel says so: its sockets' cgroups do. A pod is
 * taken for the owner only if no other pod has a socket there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/cgroups.h"
#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/container.h"
#include "collectors/namespaces_state.h"

/* As docker and podman print them. */
#define SHORT_ID 12

void netns_labels_free(struct netns_labels *labels)
{
	free(labels->netns);
	free(labels->pod_uid);
	free(labels->namespace_name);
	free(labels->pod);
	free(labels->container);
	*labels = (struct netns_labels){0};
}

bool netns_labels_are_of(const struct netns_labels *labels, const char *name)
{
	const char *slash = strchr(name, '/');
	const size_t length = slash ? (size_t)(slash - name) : 0;

	if (!labels->pod)
		return false;
	if (!slash)
		return strcmp(labels->pod, name) == 0;
	return labels->namespace_name && strcmp(labels->pod, slash + 1) == 0 &&
	       strlen(labels->namespace_name) == length &&
	       strncmp(labels->namespace_name, name, length) == 0;
}

/* text: NULL: not known. Returns 0 or -ENOMEM. */
static int set(char **label, const char *text)
{
	char *copy = NULL;

	if (*label && text && strcmp(*label, text) == 0)
		return 0;
	if (text) {
		copy = strdup(text);
		if (!copy)
			return -ENOMEM;
	}
	free(*label);
	*label = copy;
	return 0;
}

/* The ids of all cgroups that are looked for, each once, sorted, and their paths. */
struct paths {
	uint64_t *ids;
	const char **paths;
	size_t length;
};

static int compare_ids(const void *a, const void *b)
{
	const uint64_t first = *(const uint64_t *)a;
	const uint64_t second = *(const uint64_t *)b;

	return first < second ? -1 : first > second;
}

static const char *path_of(const struct paths *paths, uint64_t id)
{
	const uint64_t *found =
	    paths->length ? bsearch(&id, paths->ids, paths->length, sizeof(id), compare_ids) : NULL;
	const char *path = found ? paths->paths[found - paths->ids] : NULL;

	return path ? path : "";
}

static void keep_once(struct paths *paths)
{
	size_t kept = 0;

	qsort(paths->ids, paths->length, sizeof(*paths->ids), compare_ids);
	for (size_t i = 0; i < paths->length; i++)
		if (kept == 0 || paths->ids[kept - 1] != paths->ids[i])
			paths->ids[kept++] = paths->ids[i];
	paths->length = kept;
}

static void add_cgroups(struct paths *paths, const struct survey *survey)
{
	for (size_t i = 0; i < survey->cgroups_length; i++)
		paths->ids[paths->length++] = survey->cgroups[i].id;
}

/* One call for all: see cgroups_resolve(). Returns 0 or -ENOMEM. */
static int find_paths(const struct namespaces *namespaces, const struct owner *host, size_t hosts,
    struct paths *paths)
{
	const size_t most = namespaces->length * SURVEY_CGROUPS + hosts;

	paths->ids = calloc(most ? most : 1, sizeof(*paths->ids));
	if (!paths->ids)
		return -ENOMEM;
	for (size_t i = 0; i < namespaces->length; i++)
		if (!(namespaces->list[i]->entry.flags & WALK_FIRST))
			add_cgroups(paths, &namespaces->list[i]->survey);
	for (size_t i = 0; i < hosts; i++)
		paths->ids[paths->length++] = host[i].cgroup_id;
	keep_once(paths);
	paths->paths = calloc(paths->length ? paths->length : 1, sizeof(*paths->paths));
	if (!paths->paths)
		return -ENOMEM;
	return cgroups_resolve(namespaces->cgroups, paths->ids, paths->length, paths->paths);
}

/* What the cgroups of one namespace have in common. */
struct common {
	struct container container; /* empty: none, or several different ones */
	bool several_pods;
	bool several_containers;
};

static void compare(struct common *common, const struct container *container)
{
	if (*container->pod_uid) {
		if (*common->container.pod_uid &&
		    strcmp(common->container.pod_uid, container->pod_uid) != 0)
			common->several_pods = true;
		memcpy(common->container.pod_uid, container->pod_uid, CONTAINER_POD_UID_SIZE);
	}
	if (*container->id) {
		if (*common->container.id && strcmp(common->container.id, container->id) != 0)
			common->several_containers = true;
		memcpy(common->container.id, container->id, CONTAINER_ID_SIZE);
	}
}

static struct common common_of(const struct survey *survey, const struct paths *paths)
{
	struct common common = {.several_containers = survey->more_cgroups};

	for (size_t i = 0; i < survey->cgroups_length; i++) {
		struct container container;

		container_parse(path_of(paths, survey->cgroups[i].id), &container);
		compare(&common, &container);
	}
	if (common.several_pods)
		common.container.pod_uid[0] = '\0';
	if (common.several_containers)
		common.container.id[0] = '\0';
	return common;
}

/* The pods that have sockets in the host's namespace, which is then theirs. */
struct host_pods {
	struct container *list;
	size_t length;
};

/* Returns 0 or -ENOMEM. */
static int find_host_pods(
    const struct owner *host, size_t hosts, const struct paths *paths, struct host_pods *ret_pods)
{
	*ret_pods = (struct host_pods){.list = calloc(hosts ? hosts : 1, sizeof(*ret_pods->list))};
	if (!ret_pods->list)
		return -ENOMEM;
	for (size_t i = 0; i < hosts; i++) {
		struct container *container = &ret_pods->list[ret_pods->length];

		container_parse(path_of(paths, host[i].cgroup_id), container);
		if (*container->pod_uid)
			ret_pods->length++;
	}
	return 0;
}

static bool is_on_host(const struct host_pods *pods, const char *uid)
{
	for (size_t i = 0; i < pods->length; i++)
		if (strcmp(pods->list[i].pod_uid, uid) == 0)
			return true;
	return false;
}

int netns_labels_name(struct namespaces *namespaces, struct netns *netns)
{
	const char *name = netns_names_find(&namespaces->names, netns->entry.inode);
	char number[16];

	snprintf(number, sizeof(number), "%u", netns->entry.inode);
	return set(&netns->labels.netns, name ? name : number);
}

/* By the pod's uid, which the namespace keeps as long as it lives. */
static int set_pod(struct namespaces *namespaces, struct netns *netns)
{
	struct netns_labels *labels = &netns->labels;
	struct pod pod;
	int result;

	if (!pods_find(namespaces->pods, labels->pod_uid, &pod))
		return set(&labels->container, NULL);
	result = set(&labels->namespace_name, pod.namespace_name);
	if (result == 0)
		result = set(&labels->pod, pod.name);
	return result == 0 ? set(&labels->container, pod.container) : result;
}

static int set_container(struct netns *netns, const char *id)
{
	char text[SHORT_ID + 1];

	snprintf(text, sizeof(text), "%.*s", SHORT_ID, id);
	return set(&netns->labels.container, *text ? text : NULL);
}

/*
 * The pod keeps the namespace as long as that lives, also while it has no socket. But once another
 * pod has one there, or the pod has some on the host, whose it is cannot be known.
 */
static int find_uid(
    struct netns_labels *labels, const struct common *common, const struct host_pods *host)
{
	const char *uid = common->container.pod_uid;
	int result = 0;

	if (common->several_pods || (labels->pod_uid && *uid && strcmp(labels->pod_uid, uid) != 0))
		labels->is_shared = true;
	if (labels->pod_uid && (labels->is_shared || is_on_host(host, labels->pod_uid))) {
		set(&labels->pod_uid, NULL);
		set(&labels->namespace_name, NULL);
		set(&labels->pod, NULL);
	}
	if (*uid && !labels->is_shared && !is_on_host(host, uid))
		result = set(&labels->pod_uid, uid);
	return result;
}

static int find_one(struct namespaces *namespaces, struct netns *netns, const struct paths *paths,
    const struct host_pods *host)
{
	struct common common;
	int result;

	if (netns->entry.flags & WALK_FIRST)
		return 0;
	common = common_of(&netns->survey, paths);
	result = find_uid(&netns->labels, &common, host);
	if (result < 0)
		return result;
	if (netns->labels.pod_uid)
		return set_pod(namespaces, netns);
	/* A container of a pod has it no more than the pod does. */
	if (*common.container.pod_uid || netns->labels.is_shared)
		return set_container(netns, "");
	return set_container(netns, common.container.id);
}

int netns_labels_find_all(struct namespaces *namespaces)
{
	struct paths paths = {0};
	struct host_pods pods = {0};
	size_t hosts = 0;
	cleanup_free struct owner *host = owner_table_list(namespaces->host_owners, &hosts);
	int result = host ? find_paths(namespaces, host, hosts, &paths) : -ENOMEM;

	if (result == 0)
		result = find_host_pods(host, hosts, &paths, &pods);
	for (size_t i = 0; i < namespaces->length && result == 0; i++)
		result = find_one(namespaces, namespaces->list[i], &paths, &pods);
	free(paths.ids);
	free(paths.paths);
	free(pods.list);
	return result;
}
