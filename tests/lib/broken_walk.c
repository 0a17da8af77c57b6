// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded into an exporter, it gives it other programs for the walk, of broken_walk.bpf.c:
 * $BROKEN_WALK.linked.o for the fast one, and $BROKEN_WALK_copy.linked.o for the one that copies.
 * With $BROKEN_WALK_ONLY that suffix is the only one that there is, as where the kernel lacks a
 * function.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

static bool has(const void *bytes, size_t size, const char *name)
{
	return memmem(bytes, size, name, strlen(name)) != NULL;
}

struct bpf_object *bpf_object__open_mem(
    const void *bytes, size_t size, const struct bpf_object_open_opts *options)
{
	struct bpf_object *(*real)(const void *, size_t, const struct bpf_object_open_opts *);
	const char *broken = getenv("BROKEN_WALK");
	const char *only = getenv("BROKEN_WALK_ONLY");
	char path[4096];

	if (broken && has(bytes, size, ".data.request")) {
		const char *suffix = has(bytes, size, "bpf_rdonly_ca") ? "" : "_copy";

		snprintf(path, sizeof(path), "%s%s.linked.o", broken, only ? only : suffix);
		return bpf_object__open_file(path, options);
	}
	*(void **)&real = dlsym(RTLD_NEXT, "bpf_object__open_mem");
	return real(bytes, size, options);
}
