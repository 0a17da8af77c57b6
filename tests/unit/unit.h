/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_H
#define EPHEMERA_UNIT_H

/* cmocka, and what it wants to have been included before it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The exit status of a program that could not run: CMakeLists.txt tells CTest of it. */
#define SKIPPED 77

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* cmocka compares in unsigned long: these keep a double and a sign as they are. */
#define assert_number(found, wanted)                                                        \
	do {                                                                                \
		const double found_ = (found);                                              \
		const double wanted_ = (wanted);                                            \
                                                                                            \
		if (!(found_ == wanted_))                                                   \
			fail_msg("%s: found %.17g, wanted %.17g", #found, found_, wanted_); \
	} while (0)

#define assert_result(found, wanted)                                                     \
	do {                                                                             \
		const int found_ = (found);                                              \
		const int wanted_ = (wanted);                                            \
                                                                                         \
		if (found_ != wanted_)                                                   \
			fail_msg("%s: returned %d, wanted %d", #found, found_, wanted_); \
	} while (0)

#endif
