/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_USER_NAME_H
#define EPHEMERA_USER_NAME_H

#include <stdint.h>

#define USER_NAME_SIZE 64

/* The name of the user, or empty. May ask the network if the host is set up that way. */
void user_name(uint32_t uid, char name[static USER_NAME_SIZE]);

#endif
