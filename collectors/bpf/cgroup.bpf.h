/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_CGROUP_H
#define EPHEMERA_BPF_CGROUP_H

#include "collectors/bpf/socket.bpf.h"

/* The cgroup of the socket, as in sock_diag; before Linux 5.15 that of the caller. */
static __always_inline __u64 cgroup_of(struct sock *sk)
{
	struct cgroup *cgroup;

	if (!bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return bpf_get_current_cgroup_id();
	cgroup = sk->sk_cgrp_data.cgroup;
	return cgroup ? BPF_CORE_READ(cgroup, kn, id) : 0;
}

#endif
