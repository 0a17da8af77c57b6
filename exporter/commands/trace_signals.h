/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_SIGNALS_H
#define EPHEMERA_TRACE_SIGNALS_H

/*
 * Ctrl-C, and SIGTERM: the first one ends a trace, the second what is left to be printed. A wait
 * for events comes back in any case; what is being printed is printed whole.
 */
void trace_catch_signals(void);

/* How many signals came. */
int trace_signals(void);

#endif
