/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BPF_ERRORS_H
#define EPHEMERA_BPF_ERRORS_H

/* What is said where a BPF program does not load. */

/* libbpf's own lines, of which there are many for one failure, are not printed. */
void bpf_errors_silence(void);

/* Why loading ended with error, a -errno, in words for a log; static. */
const char *bpf_errors_reason(int error);

#endif
