// SPDX-License-Identifier: Apache-2.0
/* The sandbox's options, and calls of other architectures. */
#include "exporter/daemon/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox_attempts.h"
#include "unit.h"

TRY(unlink, unlink(at_hand.file))
TRY(rmdir, unlinkat(AT_FDCWD, at_hand.workspace.path, AT_REMOVEDIR))

static void files_are_removed_only_where_a_unix_socket_is_listened_on(void **state)
{
	const struct sandbox_options removing = {.removes_sockets = true, .datagram_socket = -1};
	const struct attempt remove_file = {"unlink()", try_unlink, EPERM};
	const struct attempt remove_directory = {"rmdir()", try_rmdir, EPERM};
	int found = try_in_child(&remove_directory, &removing);

	(void)state;
	assert_true(WIFEXITED(found));
	assert_int_equal(WEXITSTATUS(found), REFUSED);
	found = try_in_child(&remove_file, &removing);
	assert_true(WIFEXITED(found));
	assert_int_equal(WEXITSTATUS(found), DONE);
	assert_int_equal(access(at_hand.file, F_OK), -1);
}

/* Of a link that does not exist. */
static long try_to_walk_by_bpf(void)
{
	union bpf_attr attributes = {.iter_create = {.link_fd = UINT32_MAX}};

	return syscall(SYS_bpf, BPF_ITER_CREATE, &attributes, sizeof(attributes));
}

static long try_to_make_a_bpf_map(void)
{
	union bpf_attr attributes = {
	    .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	return syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes));
}

static void bpf_walks_only_where_that_is_wanted_and_loads_nothing(void **state)
{
	const struct sandbox_options walking = {.walks_by_bpf = true, .datagram_socket = -1};
	const struct sandbox_options others = {.removes_sockets = true, .datagram_socket = -1};
	/* As without our list: EBADF, or EPERM where a container's list has no bpf() at all. */
	const int without = try_to_walk_by_bpf() < 0 ? errno : 0;
	const struct attempt walk = {"bpf(BPF_ITER_CREATE)", try_to_walk_by_bpf, without};
	const struct attempt no_walk = {"bpf(BPF_ITER_CREATE)", try_to_walk_by_bpf, EPERM};
	const struct attempt map = {"bpf(BPF_MAP_CREATE)", try_to_make_a_bpf_map, EPERM};
	const int found[] = {try_in_child(&walk, &walking), try_in_child(&no_walk, &others),
	    try_in_child(&map, &walking), try_in_child(&map, &others)};

	(void)state;
	assert_true(without == EBADF || without == EPERM);
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		assert_true(WIFEXITED(found[i]));
		assert_int_equal(WEXITSTATUS(found[i]), REFUSED);
	}
}

static long try_netfilter(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
}

static void netfilter_is_asked_only_where_that_is_wanted(void **state)
{
	const struct sandbox_options asking = {.asks_netfilter = true, .datagram_socket = -1};
	const struct sandbox_options others = {.removes_sockets = true, .datagram_socket = -1};
	const struct attempt asked = {"socket(NETLINK_NETFILTER)", try_netfilter, 0};
	const struct attempt refused = {"socket(NETLINK_NETFILTER)", try_netfilter, EPERM};
	const int done = try_in_child(&asked, &asking);
	const int not_done = try_in_child(&refused, &others);

	(void)state;
	assert_true(WIFEXITED(done));
	assert_int_equal(WEXITSTATUS(done), DONE);
	assert_true(WIFEXITED(not_done));
	assert_int_equal(WEXITSTATUS(not_done), REFUSED);
}

/* sendmsg() is allowed on clients' connections, whatever address is in it. */
static void a_connection_sends_to_nobody_else(void **state)
{
	struct sockaddr_in here = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in elsewhere = here;
	struct msghdr message = {&elsewhere, sizeof(elsewhere), &vector, 1};
	socklen_t size = sizeof(here);
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char found;
	int streams[2];

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(bind(other, (struct sockaddr *)&elsewhere, sizeof(elsewhere)), 0);
	assert_int_equal(listen(listener, 1) | listen(other, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&here, &size), 0);
	assert_int_equal(getsockname(other, (struct sockaddr *)&elsewhere, &size), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&here, sizeof(here)), 0);

	const int accepted = accept(listener, NULL, NULL);

	/* TCP ignores the address: it arrives where the connection leads. */
	assert_int_equal(sendmsg(accepted, &message, MSG_NOSIGNAL), 1);
	assert_int_equal(recv(client, &found, 1, 0), 1);
	assert_int_equal(accept(other, NULL, NULL), -1);
	/* A unix socket refuses it. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, streams), 0);
	assert_int_equal(sendmsg(streams[0], &to_log, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EISCONN);
	close(streams[0]);
	close(streams[1]);
	close(accepted);
	close(client);
	close(other);
	close(listener);
}

#ifdef __x86_64__
#define X32_CALL 0x40000000
#define I386_GETPID 20

/* Its number as i386 counts them, where the same filter would mean other calls. */
static long try_i386(void)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(I386_GETPID) : "memory");
	return result;
}

TRY(x32, syscall(X32_CALL | SYS_getpid))

static void assert_ends_the_process(const struct attempt *attempt)
{
	const struct sandbox_options options = {.datagram_socket = -1};
	const int found = try_in_child(attempt, &options);

	if (!WIFSIGNALED(found) || WTERMSIG(found) != SIGSYS)
		fail_msg("%s: status %#x", attempt->name, (unsigned)found);
}

static void x32_calls_end_the_process(void **state)
{
	(void)state;
	assert_ends_the_process(&(struct attempt){"x32", try_x32});
}

/* Some virtual machines have no int 0x80, and some kernels no i386: the signal is another. */
static bool has_i386(void)
{
	int found;
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* cmocka and the sanitizers catch it: what comes after is not for this child. */
		signal(SIGSEGV, SIG_DFL);
		_exit(try_i386() == getpid() ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &found, 0), pid);
	return WIFEXITED(found) && WEXITSTATUS(found) == 0;
}

static void i386_calls_end_the_process(void **state)
{
	(void)state;
	if (!has_i386())
		skip();
	assert_ends_the_process(&(struct attempt){"i386", try_i386});
}
#endif

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_connection_sends_to_nobody_else),
#ifdef __x86_64__
	    cmocka_unit_test(x32_calls_end_the_process),
	    cmocka_unit_test(i386_calls_end_the_process),
#endif
	    cmocka_unit_test(files_are_removed_only_where_a_unix_socket_is_listened_on),
	    cmocka_unit_test(bpf_walks_only_where_that_is_wanted_and_loads_nothing),
	    cmocka_unit_test(netfilter_is_asked_only_where_that_is_wanted),
	};
	const int hindrance = sandbox_hindrance(argc, argv);

	return hindrance >= 0 ? hindrance
			      : cmocka_run_group_tests_name("sandbox", tests, make_what_is_at_hand,
				    remove_what_was_at_hand);
}
