// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/container.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define ID_LENGTH (CONTAINER_ID_SIZE - 1)
#define UID_LENGTH (CONTAINER_POD_UID_SIZE - 1)
#define STATIC_POD_UID_LENGTH 32 /* a static pod's uid is a hash, without dashes */

static bool is_hex(const char *text, size_t length)
{
	return strspn(text, "0123456789abcdef") >= length;
}

/* A uid as the API writes it, or with the underscores that systemd's names need. */
static size_t uid_length(const char *text)
{
	static const char form[] = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";

	for (size_t i = 0; i < UID_LENGTH; i++) {
		const bool fits = form[i] == '-' ? text[i] == '-' || text[i] == '_'
						 : text[i] && is_hex(text + i, 1);

		if (!fits)
			return is_hex(text, STATIC_POD_UID_LENGTH) ? STATIC_POD_UID_LENGTH : 0;
	}
	return UID_LENGTH;
}

/* A component of the path, as a string. */
#define COMPONENT_SIZE 256

static const char *next_component(const char *at, char component[static COMPONENT_SIZE])
{
	at += strspn(at, "/");

	size_t length = strcspn(at, "/");
	const char *next = at + length;

	if (length == 0)
		return NULL;
	if (length >= COMPONENT_SIZE)
		length = COMPONENT_SIZE - 1;
	memcpy(component, at, length);
	component[length] = '\0';
	return next;
}

/*
 * "podUID" (cgroupfs), "kubepods-burstable-podUID.slice" (systemd); what may stand before
 * the last "pod" differs with the quality of service and with nested kubelets.
 */
static bool parse_pod(const char *component, struct container *container)
{
	for (const char *at = strstr(component, "pod"); at; at = strstr(at + 1, "pod")) {
		const bool starts = at == component || at[-1] == '-';
		const char *uid = at + strlen("pod");
		const size_t length = starts ? uid_length(uid) : 0;
		const char *rest = uid + length;

		if (length == 0 || (*rest && strncmp(rest, ".slice", strlen(".slice")) != 0))
			continue;
		memcpy(container->pod_uid, uid, length);
		container->pod_uid[length] = '\0';
		for (char *c = container->pod_uid; *c; c++)
			if (*c == '_')
				*c = '-';
		return true;
	}
	return false;
}

/*
 * "ID", "cri-containerd-ID.scope", "crio-ID.scope", "docker-ID.scope", "libpod-ID.scope", and
 * "SLICE:cri-containerd:ID" where containerd and the kubelet disagree on the driver.
 */
static void parse_id(const char *component, bool alone_will_do, struct container *container)
{
	static const char *const prefixes[] = {
	    "cri-containerd-", "crio-", "docker-", "libpod-", "containerd-"};
	const char *id = component;
	bool named = false;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]) && !named; i++) {
		named = strncmp(component, prefixes[i], strlen(prefixes[i])) == 0;
		if (named)
			id = component + strlen(prefixes[i]);
	}

	const char *colon = strrchr(component, ':');

	if (!named && colon) {
		named = true;
		id = colon + 1;
	}
	if (!is_hex(id, ID_LENGTH) || (!named && !alone_will_do))
		return;

	const char *rest = id + ID_LENGTH;

	if (*rest && strcmp(rest, ".scope") != 0)
		return;
	memcpy(container->id, id, ID_LENGTH);
	container->id[ID_LENGTH] = '\0';
}

void container_parse(const char *cgroup_path, struct container *ret_container)
{
	char component[COMPONENT_SIZE];
	bool below_engine = false;

	memset(ret_container, 0, sizeof(*ret_container));
	while ((cgroup_path = next_component(cgroup_path, component))) {
		/* With the colon form, the pod's slice is part of the container's component. */
		if (!ret_container->pod_uid[0] && parse_pod(component, ret_container)) {
			below_engine = true;
			/* A container above the pod is the node itself, which may run in one. */
			ret_container->id[0] = '\0';
			if (!strchr(component, ':'))
				continue;
		}
		if (!ret_container->id[0])
			parse_id(component, below_engine, ret_container);
		if (strcmp(component, "docker") == 0)
			below_engine = true;
	}
}
