// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_signals.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t signals;

static void note(int signal)
{
	(void)signal;
	signals++;
}

void trace_catch_signals(void)
{
	struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

int trace_signals(void)
{
	return signals;
}
