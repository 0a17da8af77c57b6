/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_KERNEL_TABLES_H
#define EPHEMERA_KERNEL_TABLES_H

/* Opens the BPF programs that read the kernel's tables of sockets, if command and flags ask. */

#include "exporter/commands/options.h"

enum kernel_tables_for {
	KERNEL_TABLES_SERVICE, /* for long: the walk is compared with sock_diag first */
	KERNEL_TABLES_SCRAPE,  /* for one scrape; the same flags count */
	KERNEL_TABLES_PEOPLE,  /* a command for people: whatever is permitted */
};

/*
 * Opens options' source.walk if --sockets.source allows it and it can be relied on; else
 * source.buckets if a flag asks for it, or if it is for people. Call it before privileges are given
 * up. What cannot be opened stays NULL, which is logged. Returns 0; or -errno if
 * --sockets.source=bpf cannot be had, which is logged as an error.
 */
int kernel_tables_open(struct options *options, enum kernel_tables_for purpose);

/*
 * Opens the walk for all network namespaces, whatever the flags say. Returns 0; or -errno, and in
 * ret_reason why, in words for people, static, or as kernel_tables_refused().
 */
int kernel_tables_open_all(struct options *options, const char **ret_reason);

/* Why what reads all of them failed with -EOPNOTSUPP: a message for people. */
extern const char kernel_tables_changed[];

/*
 * Why BPF failed with -EPERM, in words for people: what, such as "loading BPF programs needs", the
 * capabilities, and what to do. Valid until the next call; not for several threads.
 */
const char *kernel_tables_refused(const char *what);

void kernel_tables_close(struct options *options);

#endif
