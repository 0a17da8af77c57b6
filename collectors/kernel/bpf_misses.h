/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BPF_MISSES_H
#define EPHEMERA_BPF_MISSES_H

#include <stdint.h>

/*
 * How often the kernel did not run a BPF program of this process because its processor was already
 * running it: recursion_misses of /proc/self/fdinfo/PROGRAM, since Linux 5.12
 * (bpf_prog_show_fdinfo() in kernel/bpf/syscall.c). Needs no bpf() call and no privilege.
 *
 * procfs: where proc is mounted, without a / at the end. program: the program's descriptor.
 * Returns 0, -ENODATA if the kernel does not report it, or as procfs_read_into().
 */
int bpf_misses_read(const char *procfs, int program, uint64_t *ret_misses);

#endif
