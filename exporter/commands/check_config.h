/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CHECK_CONFIG_H
#define EPHEMERA_CHECK_CONFIG_H

/*
 * `ephemera check-config`: prints "PATH: right" and what the web configuration asks for to
 * standard output, or what is wrong to standard error. Returns 0 or -errno.
 */
int check_config(const char *path);

#endif
