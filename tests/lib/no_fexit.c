// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded into a program, it is a kernel that lets no program follow a function: libbpf fails to
 * attach whatever has one. The tracepoints stay.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#include <bpf/libbpf.h>

int bpf_object__attach_skeleton(struct bpf_object_skeleton *skeleton)
{
	int (*real)(struct bpf_object_skeleton *);
	struct bpf_program *program;

	bpf_object__for_each_program(
	    program, *skeleton->obj) if (bpf_program__autoload(program) &&
					 bpf_program__expected_attach_type(program) ==
					     BPF_TRACE_FEXIT) return -ENOTSUP;
	*(void **)&real = dlsym(RTLD_NEXT, "bpf_object__attach_skeleton");
	return real(skeleton);
}
