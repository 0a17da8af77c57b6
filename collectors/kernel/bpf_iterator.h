/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BPF_ITERATOR_H
#define EPHEMERA_BPF_ITERATOR_H

/*
 * A BPF iterator that walks a table of the kernel in parts: each read() does a part of it, says
 * EAGAIN, and leaves what it found in memory that we share. So read() needs no capability, and one
 * descriptor serves for ever. Its object has a map .data.request, which alone we can write, and a
 * map .bss.
 */

#include <stddef.h>

#include "collectors/kernel/bpf_kept.h"

struct bpf_iter_attach_opts;

struct bpf_iterator {
	struct bpf_memory request;
	struct bpf_memory found;
	int fd; /* -1: it is not loaded */
};

struct bpf_iterator_object {
	const void *bytes; /* of its ELF file */
	size_t size;
};

struct bpf_iterator_program {
	const char *name;
	/*
	 * The same program twice, the faster one first. The other is for kernels that lack a
	 * function of Linux 6.2, bpf_rdonly_cast().
	 */
	struct bpf_iterator_object objects[2];
	const struct bpf_iter_attach_opts *options; /* NULL: none */
	const void *constants;			    /* NULL, or what its .rodata is set to */
	size_t constants_size;
};

/*
 * Loads the program and attaches it. Nothing is left open but what is in ret_iterator, which the
 * caller closes in any case. Returns 0 or -errno; for a log: bpf_errors_reason().
 */
int bpf_iterator_load(
    const struct bpf_iterator_program *program, struct bpf_iterator *ret_iterator);
void bpf_iterator_close(struct bpf_iterator *iterator);

/* Lets it do a part. Returns 0 or -errno; -EIO: it came to an end, which it never does. */
int bpf_iterator_step(const struct bpf_iterator *iterator);

#endif
