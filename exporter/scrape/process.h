/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PROCESS_H
#define EPHEMERA_PROCESS_H

/* This process, as Prometheus' client libraries report theirs. */

enum process_figure {
	PROCESS_CPU_SECONDS,
	PROCESS_OPEN_FDS,
	PROCESS_MAX_FDS,
	PROCESS_VIRTUAL_BYTES,
	PROCESS_RESIDENT_BYTES,
	PROCESS_START_SECONDS,
	PROCESS_FIGURES
};

/* Sets all values or none. Returns 0 or -errno. */
int process_read(double ret_values[PROCESS_FIGURES]);

#endif
