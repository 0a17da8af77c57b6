/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_STDOUT_CAPTURE_H
#define EPHEMERA_STDOUT_CAPTURE_H

/* What is printed between the two calls. The caller frees it; it ends in NUL. */
void stdout_capture(void);
char *stdout_captured(void);

#endif
