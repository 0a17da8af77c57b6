// SPDX-License-Identifier: Apache-2.0
#include "sandbox_attempts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

struct sandbox_at_hand at_hand;

struct iovec vector = {at_hand.file, 1};
struct msghdr to_log = {
    .msg_name = &at_hand.log,
    .msg_namelen = sizeof(at_hand.log),
    .msg_iov = &vector,
    .msg_iovlen = 1,
};

static int make_sockets(void)
{
	at_hand.tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	at_hand.netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	at_hand.log_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	at_hand.log.sun_family = AF_UNIX;
	snprintf(at_hand.log.sun_path, sizeof(at_hand.log.sun_path), "%.90s/log",
	    at_hand.workspace.path);
	at_hand.nowhere.sun_family = AF_UNIX;
	snprintf(at_hand.nowhere.sun_path, sizeof(at_hand.nowhere.sun_path), "%.90s/other",
	    at_hand.workspace.path);
	if (listen(at_hand.tcp, 1) < 0 || at_hand.netlink < 0 ||
	    bind(at_hand.log_fd, (const struct sockaddr *)&at_hand.log, sizeof(at_hand.log)) < 0 ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, at_hand.notify) < 0 ||
	    send(at_hand.notify[1], "xx", 2, 0) != 2)
		return -1;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, at_hand.pair);
}

int make_what_is_at_hand(void **state)
{
	(void)state;
	workspace_make(&at_hand.workspace);
	snprintf(at_hand.file, sizeof(at_hand.file), "%s/file", at_hand.workspace.path);
	snprintf(at_hand.other, sizeof(at_hand.other), "%s/other", at_hand.workspace.path);
	snprintf(at_hand.fifo, sizeof(at_hand.fifo), "%s/fifo", at_hand.workspace.path);
	at_hand.fd = open(at_hand.file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	at_hand.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	at_hand.parent = getpid();
	if (at_hand.fd < 0 || at_hand.page == MAP_FAILED || write(at_hand.fd, "text", 4) != 4 ||
	    mkfifo(at_hand.fifo, 0600) < 0)
		return -1;
	return make_sockets();
}

int remove_what_was_at_hand(void **state)
{
	(void)state;
	workspace_remove(&at_hand.workspace);
	return 0;
}

/* Runs in a child: its exit status. */
static int try_inside(const struct attempt *attempt, const struct sandbox_options *options)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || sandbox_enter(options) < 0)
		return NO_SANDBOX;
	errno = 0;
	if (attempt->try() >= 0)
		return DONE;
	if (attempt->error && errno == attempt->error)
		return REFUSED;
	fprintf(stderr, "%s: %s\n", attempt->name, strerrorname_np(errno));
	return FAILED_OTHERWISE;
}

int try_in_child(const struct attempt *attempt, const struct sandbox_options *options)
{
	int found;
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* What waits for a call that came back otherwise than expected ends as well. */
		alarm(20);
		_exit(try_inside(attempt, options));
	}
	assert_int_equal(waitpid(pid, &found, 0), pid);
	return found;
}

unsigned count_wrong(const struct attempt *attempts, size_t length, int wanted)
{
	const struct sandbox_options options = {.datagram_socket = at_hand.notify[0]};
	unsigned wrong = 0;

	for (size_t i = 0; i < length; i++) {
		if ((attempts[i].flags & LOOSE) && sandbox_is_widened())
			continue;

		const int found = try_in_child(&attempts[i], &options);

		if (WIFEXITED(found) && WEXITSTATUS(found) == wanted)
			continue;
		wrong++;
		fprintf(stderr, "%s: status %#x\n", attempts[i].name, (unsigned)found);
	}
	return wrong;
}

static bool has_seccomp(void)
{
	int found;
	const pid_t pid = fork();

	if (pid == 0)
		_exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		      sandbox_enter(&(struct sandbox_options){.datagram_socket = -1}) < 0);
	return pid > 0 && waitpid(pid, &found, 0) == pid && found == 0;
}

int sandbox_hindrance(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--strict") == 0 && sandbox_is_widened()) {
		fprintf(stderr, "this build lets a sanitizer have more\n");
		return 1;
	}
	if (!has_seccomp()) {
		fprintf(stderr, "this kernel has no seccomp\n");
		return SKIPPED;
	}
	return -1;
}
