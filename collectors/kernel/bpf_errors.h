/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BPF_ERRORS_H
#define EPHEMERA_BPF_ERRORS_H

/* Error messages for BPF programs that do not load. */

/* Stops libbpf from printing: it prints many lines for one failure. */
void bpf_errors_silence(void);

/* Why loading failed with error, -errno: a static string for a log. */
const char *bpf_errors_reason(int error);

#endif
