// SPDX-License-Identifier: Apache-2.0
/*
 * ephemera-lateness CPU SECONDS: a real-time thread on that processor wakes each millisecond.
 * Prints "fifo", or "other" where SCHED_FIFO is not allowed; then how many nanoseconds late each
 * wake was, a line each. The times are fixed before: if one wake is late by several
 * milliseconds, those that follow are late, too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#define SECONDS_MAX 600UL
#define WAKES_A_SECOND 1000UL
#define BETWEEN 1000000 /* ns */
#define SECOND 1000000000

static int fail(const char *what)
{
	fprintf(stderr, "ephemera-lateness: %s: %s\n", what, strerror(errno));
	return EXIT_FAILURE;
}

static int pin(unsigned long cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* Returns the policy that it got. */
static const char *become_urgent(void)
{
	const struct sched_param parameter = {.sched_priority = 50};

	/* Of a thread that is not urgent, the kernel may delay a wake by this, in nanoseconds. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
	return sched_setscheduler(0, SCHED_FIFO, &parameter) ? "other" : "fifo";
}

static void step(struct timespec *time)
{
	time->tv_nsec += BETWEEN;
	if (time->tv_nsec >= SECOND) {
		time->tv_nsec -= SECOND;
		time->tv_sec++;
	}
}

static void measure(int64_t *late, unsigned long wakes)
{
	struct timespec wanted, now;

	clock_gettime(CLOCK_MONOTONIC, &wanted);
	for (unsigned long i = 0; i < wakes; i++) {
		step(&wanted);
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wanted, NULL) == EINTR)
			;
		clock_gettime(CLOCK_MONOTONIC, &now);
		late[i] =
		    (now.tv_sec - wanted.tv_sec) * (int64_t)SECOND + now.tv_nsec - wanted.tv_nsec;
	}
}

int main(int argc, char **argv)
{
	const unsigned long cpu = argc == 3 ? strtoul(argv[1], NULL, 10) : CPU_SETSIZE;
	const unsigned long seconds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	const unsigned long wakes = seconds * WAKES_A_SECOND;
	const char *policy;
	int64_t *late;

	if (cpu >= CPU_SETSIZE || seconds < 1 || seconds > SECONDS_MAX) {
		fputs("Usage: ephemera-lateness CPU SECONDS\n", stderr);
		return 2;
	}
	late = calloc(wakes, sizeof(*late));
	if (!late)
		return fail("memory");
	if (pin(cpu))
		return fail("sched_setaffinity");
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		return fail("mlockall");
	policy = become_urgent();
	measure(late, wakes);
	puts(policy);
	for (unsigned long i = 0; i < wakes; i++)
		printf("%lld\n", (long long)late[i]);
	free(late);
	return EXIT_SUCCESS;
}
