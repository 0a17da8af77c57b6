/* SPDX-License-Identifier: Apache-2.0 */
/* The memory that only the start of the exporter needs. */
#ifndef EXPORTER_DAEMON_START_PAGES_H
#define EXPORTER_DAEMON_START_PAGES_H

/*
 * Takes the program's and its libraries' code and constants out of this process's resident memory:
 * most of what the start touched, such as the BPF programs and the reader of nftables' rules, is
 * not used again. A page that is used comes back from the page cache. Nothing is lost: these
 * segments cannot be written, and what the linker has written into (relocations) is in others. A
 * kernel that refuses changes nothing.
 *
 * Source: madvise(2), MADV_DONTNEED on a private file mapping.
 */
void start_pages_drop(void);

#endif
