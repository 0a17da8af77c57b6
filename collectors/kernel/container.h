/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CONTAINER_H
#define EPHEMERA_CONTAINER_H

/*
 * The Kubernetes pod and the container of a cgroup, from its path, as written by the kubelet's
 * systemd and cgroupfs drivers, containerd, CRI-O, Docker and Podman.
 */

#define CONTAINER_POD_UID_SIZE 37 /* 36 characters and NUL */
#define CONTAINER_ID_SIZE 65	  /* 64 characters and NUL */

struct container {
	char pod_uid[CONTAINER_POD_UID_SIZE]; /* with dashes; empty: no pod */
	char id[CONTAINER_ID_SIZE];	      /* empty: no container */
};

void container_parse(const char *cgroup_path, struct container *ret_container);

#endif
