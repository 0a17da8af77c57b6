// SPDX-License-Identifier: Apache-2.0
/* What the sandbox lets through. */
#include "exporter/daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "collectors/kernel/interface.h"
#include "sandbox_attempts.h"
#include "unit.h"

static void *be_a_thread(void *context)
{
	*(bool *)context = prctl(PR_SET_NAME, "a-thread", 0, 0, 0) == 0;
	return NULL;
}

static long try_thread(void)
{
	pthread_t thread;
	bool named = false;

	errno = pthread_create(&thread, NULL, be_a_thread, &named);
	if (errno)
		return -1;
	errno = pthread_join(thread, NULL);
	return errno || !named ? -1 : 0;
}

static long try_netlink(void)
{
	const struct timeval second = {.tv_sec = 1};
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)) < 0)
		return -1;
	return close(fd);
}

static long try_interface_name(void)
{
	char found[IF_NAMESIZE];

	/* 1 is lo's index in every namespace. */
	return interface_name(1, found) == 0 && strcmp(found, "lo") == 0 ? 0 : -1;
}

static long try_polls(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	const int counter = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (epoll < 0 || counter < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &event) < 0)
		return -1;
	return epoll_wait(epoll, &event, 1, 0) < 0 ? -1
						   : poll(&(struct pollfd){counter, POLLIN}, 1, 0);
}

static long try_grow(void)
{
	const size_t size = (size_t)8 << 20;
	char *block = malloc(size);
	char *larger = block ? realloc(block, 2 * size) : NULL;

	if (!larger) {
		free(block);
		return -1;
	}
	larger[2 * size - 1] = 1;
	free(larger);
	return 0;
}

static long try_processors(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) > 0 && sysconf(_SC_PHYS_PAGES) > 0 ? 0 : -1;
}

static long try_accept(void)
{
	const int fd = accept4(at_hand.tcp, NULL, NULL, SOCK_CLOEXEC);

	return fd < 0 && errno == EAGAIN ? 0 : -1;
}

static long try_tcp_options(void)
{
	const int on = 1;

	return setsockopt(at_hand.tcp, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
		       setsockopt(at_hand.tcp, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)) < 0
		   ? -1
		   : 0;
}

static char buffer[4096];
static struct rlimit found_limit;
static struct timespec moment = {0, 1000};
static sigset_t no_signals;
static struct stat status;
static struct statfs file_system;
static struct utsname name;
static struct rusage usage;

TRY(open_to_read, open(at_hand.file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW))
TRY(open_directory, open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
TRY(open_path, open("/", O_PATH | O_CLOEXEC))
TRY(read, pread(at_hand.fd, buffer, 1, 0))
TRY(stat, stat(at_hand.file, &status))
TRY(statfs, statfs("/proc", &file_system))
TRY(access, access(at_hand.file, R_OK))
TRY(effective_access, faccessat(AT_FDCWD, at_hand.file, R_OK, AT_EACCESS))
TRY(readlink, readlink("/proc/self/exe", buffer, sizeof(buffer)))
TRY(write, write(at_hand.fd, "x", 1))
TRY(send, send(at_hand.pair[0], "x", 1, MSG_NOSIGNAL))
TRY(sendmsg,
    sendmsg(at_hand.pair[0], &(struct msghdr){.msg_iov = &vector, .msg_iovlen = 1}, MSG_NOSIGNAL))
TRY(notify, send(at_hand.notify[0], "READY=1", 7, MSG_NOSIGNAL))
TRY(shutdown, shutdown(at_hand.pair[0], SHUT_RDWR))
TRY(flags, fcntl(at_hand.fd, F_GETFL) < 0 ? -1 : fcntl(at_hand.fd, F_SETFL, O_NONBLOCK))
TRY(getrlimit, getrlimit(RLIMIT_NOFILE, &found_limit))
TRY(random, getrandom(buffer, 16, 0))
TRY(sleep, clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL))
TRY(sigprocmask, sigemptyset(&no_signals) < 0 ? -1 : sigprocmask(SIG_BLOCK, &no_signals, NULL))
TRY(mprotect, mprotect(at_hand.page, 4096, PROT_READ))
TRY(uname, uname(&name))
TRY(getrusage, getrusage(RUSAGE_SELF, &usage))
TRY(raise, raise(SIGCONT))

static const struct attempt allowed[] = {
    {"a thread", try_thread},
    {"a netlink socket", try_netlink},
    {"the name of an interface", try_interface_name},
    {"epoll, eventfd and poll", try_polls},
    {"memory that grows", try_grow},
    {"the number of processors", try_processors},
    {"accept4()", try_accept},
    {"TCP's options", try_tcp_options},
    {"open(O_RDONLY)", try_open_to_read},
    {"open(O_DIRECTORY)", try_open_directory},
    {"open(O_PATH)", try_open_path},
    {"pread()", try_read},
    {"stat()", try_stat},
    {"statfs()", try_statfs},
    {"access()", try_access},
    {"faccessat(AT_EACCESS)", try_effective_access},
    {"readlink()", try_readlink},
    {"write()", try_write},
    {"send()", try_send},
    {"sendmsg()", try_sendmsg},
    {"send() to the service manager", try_notify},
    {"shutdown()", try_shutdown},
    {"fcntl(F_SETFL)", try_flags},
    {"getrlimit()", try_getrlimit},
    {"getrandom()", try_random},
    {"clock_nanosleep()", try_sleep},
    {"sigprocmask()", try_sigprocmask},
    {"mprotect()", try_mprotect},
    {"uname()", try_uname},
    {"getrusage()", try_getrusage},
    {"raise()", try_raise},
};

static void what_is_needed_works(void **state)
{
	(void)state;
	assert_int_equal(count_wrong(allowed, LENGTH(allowed), DONE), 0);
}

static long try_abort(void)
{
	signal(SIGABRT, SIG_DFL);
	abort();
}

static void abort_still_ends_the_process(void **state)
{
	const struct sandbox_options options = {.datagram_socket = -1};
	const struct attempt attempt = {"abort()", try_abort};
	const int found = try_in_child(&attempt, &options);

	(void)state;
	assert_true(WIFSIGNALED(found));
	assert_int_equal(WTERMSIG(found), SIGABRT);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_needed_works),
	    cmocka_unit_test(abort_still_ends_the_process),
	};
	const int hindrance = sandbox_hindrance(argc, argv);

	return hindrance >= 0 ? hindrance
			      : cmocka_run_group_tests_name("sandbox_allowed", tests,
				    make_what_is_at_hand, remove_what_was_at_hand);
}
