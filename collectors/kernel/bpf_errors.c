// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/bpf_errors.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include <bpf/libbpf.h>

/* Where libbpf looks for the kernel's types first. */
#define KERNEL_TYPES "/sys/kernel/btf/vmlinux"

void bpf_errors_silence(void)
{
	(void)libbpf_set_print(NULL);
}

const char *bpf_errors_reason(int error)
{
	/* Not EACCES: the verifier returns that for a program that it refuses. */
	if (error == -EPERM)
		return "loading BPF programs needs CAP_BPF and CAP_PERFMON";
	if (access(KERNEL_TYPES, R_OK) < 0)
		return "the kernel has no type information: there is no " KERNEL_TYPES;
	return "the kernel refuses the BPF programs";
}
