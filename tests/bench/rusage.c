// SPDX-License-Identifier: Apache-2.0
/*
 * ephemera-rusage: runs a command and reports what it cost. It exists because a process
 * begins with its parent's resident memory as its ru_maxrss, across exec(): started from
 * an interpreter, every small program would seem as large as the interpreter.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage_text[] =
    "Usage: ephemera-rusage FD COMMAND [ARGUMENT]...\n"
    "\n"
    "Runs COMMAND and writes its CPU seconds, wall seconds and peak resident bytes to the\n"
    "open file descriptor FD. Exits with COMMAND's status.\n";

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double monotonic_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void __attribute__((noreturn)) run(pid_t parent, int report, char **command)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(EXIT_FAILURE);
	close(report);
	execvp(command[0], command);
	fprintf(stderr, "ephemera-rusage: %s: %s\n", command[0], strerror(errno));
	_exit(127);
}

int main(int argc, char **argv)
{
	pid_t parent = getpid();
	double begin = monotonic_seconds();
	struct rusage usage;
	int report, status;
	char *end;
	pid_t pid;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage_text, stdout);
		return EXIT_SUCCESS;
	}
	report = argc < 3 ? -1 : (int)strtol(argv[1], &end, 10);
	if (report < 0 || *end) {
		fputs(usage_text, stderr);
		return 2;
	}
	pid = fork();
	if (!pid)
		run(parent, report, argv + 2);
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid) {
		fprintf(stderr, "ephemera-rusage: %s: %s\n", argv[2], strerror(errno));
		return EXIT_FAILURE;
	}
	if (dprintf(report, "%.6f %.6f %ld\n", seconds(usage.ru_utime) + seconds(usage.ru_stime),
		monotonic_seconds() - begin, usage.ru_maxrss * 1024) < 0) {
		fprintf(
		    stderr, "ephemera-rusage: file descriptor %d: %s\n", report, strerror(errno));
		return EXIT_FAILURE;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
