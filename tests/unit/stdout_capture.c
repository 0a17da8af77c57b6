// SPDX-License-Identifier: Apache-2.0
#include "stdout_capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int before = -1;
static int file = -1;

static void die(const char *what)
{
	perror(what);
	abort();
}

void stdout_capture(void)
{
	/* cmocka prints as well: what waits there must not come in. */
	fflush(stdout);
	before = dup(STDOUT_FILENO);
	file = memfd_create("stdout", MFD_CLOEXEC);
	if (before < 0 || file < 0 || dup2(file, STDOUT_FILENO) < 0)
		die("stdout");
}

char *stdout_captured(void)
{
	fflush(stdout);

	const off_t length = lseek(file, 0, SEEK_END);
	char *text = calloc(1, (size_t)length + 1);

	if (!text || pread(file, text, (size_t)length, 0) != length ||
	    dup2(before, STDOUT_FILENO) < 0)
		die("stdout");
	close(before);
	close(file);
	return text;
}
