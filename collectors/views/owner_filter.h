/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OWNER_FILTER_H
#define EPHEMERA_OWNER_FILTER_H

/*
 * Whose sockets are asked for: those of a process, by its name or pid; of a cgroup, by its path or
 * one name in it; or of a pod, by its name or uid.
 */

#include <stdbool.h>

struct owner_filter;

/*
 * name: what people wrote. pods: where the kubelet has directories of pods, such as
 * "/var/log/pods". The arguments must outlive it. NULL: out of memory.
 */
struct owner_filter *owner_filter_new(const char *name, const char *procfs, const char *pods);
void owner_filter_free(struct owner_filter *filter); /* NULL is fine */

/*
 * Begins a look: pods that are new have names then. with_processes: also finds the cgroups that the
 * processes of that name or pid are in, for owner_filter_has_cgroup(): some 1,000 at most. Returns
 * 0 or -ENOMEM.
 */
int owner_filter_begin(struct owner_filter *filter, bool with_processes);

bool owner_filter_has_process(const struct owner_filter *filter, const char *name, int pid);

/* path: NULL: it is not known. */
bool owner_filter_has_cgroup(const struct owner_filter *filter, const char *path);

#endif
