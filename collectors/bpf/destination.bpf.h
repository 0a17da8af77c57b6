/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#ifndef EPHEMERA_BPF_DESTINATION_H
#define EPHEMERA_BPF_DESTINATION_H

#include "collectors/bpf/exhaustion.h"
#include "collectors/bpf/socket.bpf.h"

/* Writes the address of the socket's peer, and the words of its struct tally_key. Returns the
 * family. */
static __always_inline __u8 read_destination(struct sock *sk, __u32 remote[4], __u64 words[3])
{
	const __u8 family =
	    read_address(sk, &sk->__sk_common.skc_v6_daddr, sk->__sk_common.skc_daddr, remote);
	/* A link-local address (fe80::/10) needs its interface. */
	const bool is_link_local =
	    family == 1 && (remote[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
	const __u32 interface = is_link_local ? sk->__sk_common.skc_bound_dev_if : 0;

	words[0] = remote[0] | (__u64)remote[1] << 32;
	words[1] = remote[2] | (__u64)remote[3] << 32;
	words[2] = tally_word(interface, bpf_ntohs(sk->__sk_common.skc_dport), family);
	return family;
}

#endif
