// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_start.h"

#include <stdio.h>

#include "exporter/base/terminal.h"
#include "exporter/commands/trace_fold.h"

int trace_start_print(const struct trace_start *start)
{
	puts("Each call that finds no port or is refused one is shown as it happens; Ctrl-C sums "
	     "up.");
	if (start->everywhere)
		puts("Calls in every network namespace of the host are shown.");
	if (start->has_no_binds)
		puts("This kernel shows only connect(), not bind().");
	if (start->no_packets)
		printf(
		    "Packets that SNAT finds no port for are not shown: %s.\n", start->no_packets);
	if (start->folds)
		printf("Calls that are like one before are counted, and their number is shown "
		       "every %u s.\n",
		    TRACE_FOLD_SECONDS);
	if (start->is_part)
		puts("Calls that you did not ask for (--by, --to) are left out.");
	putchar('\n');
	return terminal_flush();
}
