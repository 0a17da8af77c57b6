/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NAMESPACE_HINT_H
#define EPHEMERA_NAMESPACE_HINT_H

/* The line on standard error that says which network namespace an answer is about. */

#include <stdbool.h>
#include <stdio.h>

/* Whether all of it may reach a terminal, so that people can copy it. */
bool namespace_hint_can_show(const char *path);

/*
 * Prints to file: "This is about WHAT.", and how to run a command there. what: such as "network
 * namespace blue"; what must not reach a terminal is replaced. path: leads to the namespace, quoted
 * for the shell where it must be; NULL, or one that cannot be shown: nothing is said of commands.
 */
void namespace_hint_print(FILE *file, const char *what, const char *path);

#endif
