/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_RELEASE_H
#define EPHEMERA_RELEASE_H

#include <stdbool.h>

/* Whether the running kernel calls itself that release or a later one. False if it cannot be told.
 */
bool release_is_at_least(long major, long minor);

#endif
