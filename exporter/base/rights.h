/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_RIGHTS_H
#define EPHEMERA_RIGHTS_H

/* What a process may do, and what to tell people where the kernel refused something. */

#include <stdbool.h>
#include <stdint.h>

/* Capabilities, or'ed. */
#define RIGHT_SYS_PTRACE (1ull << 19)
#define RIGHT_SYS_ADMIN (1ull << 21)
#define RIGHT_PERFMON (1ull << 38)
#define RIGHT_BPF (1ull << 39)

struct rights {
	bool is_root;
	bool is_on_host; /* in the first user namespace: in another one root is root only there */
	uint64_t has;	 /* effective capabilities */
};

/* Those of this process. What cannot be found out is as if root had started it on the host. */
void rights_read(struct rights *ret_rights);

#define RIGHTS_TEXT_SIZE 192

/*
 * What to do, behind "... needs CAP_BPF and CAP_PERFMON: ", after the kernel refused what takes the
 * capabilities wanted.
 */
void rights_explain(
    const struct rights *rights, uint64_t wanted, char text[static RIGHTS_TEXT_SIZE]);

#endif
