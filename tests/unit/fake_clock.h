/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_FAKE_CLOCK_H
#define EPHEMERA_FAKE_CLOCK_H

/* What every clock says, in a test that wraps clock_gettime(). */
extern double now_seconds;

#endif
