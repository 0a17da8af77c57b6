/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BPF_SETUP_H
#define EPHEMERA_BPF_SETUP_H

/* What BPF programs are told before they are loaded. */

#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * The inode of our network namespace, as the kernel has it in struct net: the link leads to the
 * namespace itself. Returns 0 or -errno.
 */
static inline int bpf_setup_find_namespace(uint32_t *ret_inode)
{
	struct stat about;

	if (stat("/proc/self/ns/net", &about) < 0)
		return -errno;
	*ret_inode = (uint32_t)about.st_ino;
	return 0;
}

static inline uint32_t bpf_setup_power_of_two(unsigned long least)
{
	uint32_t power = 1;

	while (power < least)
		power *= 2;
	return power;
}

#endif
