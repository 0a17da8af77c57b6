// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exporter/base/sanitized.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The kernel ignores the upper half of the register of an int argument. */
#define IS(argument, value)                                                       \
	{                                                                         \
		(argument), SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)(value) \
	}
#define HAS_NONE_OF(argument, bits)                                     \
	{                                                               \
		(argument), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(bits), 0 \
	}
#define HAS_OF(argument, mask, bits)                                                       \
	{                                                                                  \
		(argument), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), (scmp_datum_t)(bits) \
	}

/* The flags with which openat() does more than read. */
#define WRITING (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY))

/* The flags of a new thread; a new process or namespace lacks some of them. */
#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define NO_THREAD                                                                    \
	(CLONE_VFORK | CLONE_PTRACE | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | \
	    CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

#define TESTS_MAX 2

struct rule {
	int call;
	unsigned length;
	struct scmp_arg_cmp tests[TESTS_MAX];
};

/* Allowed with any arguments. In alphabetical order. */
static const int plain[] = {
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(access),
    SCMP_SYS(brk),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(close),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(fstat),
    SCMP_SYS(fstatfs),
    SCMP_SYS(futex),
    SCMP_SYS(getcpu),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(getegid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getpeername),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getrusage),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid),
    SCMP_SYS(lseek),
    SCMP_SYS(lstat),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(nanosleep),
    SCMP_SYS(newfstatat),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pread64),
    SCMP_SYS(read),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(readv),
    SCMP_SYS(recvfrom),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(shutdown),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(stat),
    SCMP_SYS(statfs),
    SCMP_SYS(statx),
    SCMP_SYS(sysinfo), /* glibc's qsort(), before 2.37 */
    SCMP_SYS(time),
    SCMP_SYS(uname),
    SCMP_SYS(write),
    SCMP_SYS(writev),
};

/* Allowed if all tests of one rule hold. */
static const struct rule narrowed[] = {
    {SCMP_SYS(clone), 1, {HAS_OF(0, THREAD | NO_THREAD, THREAD)}},
    {SCMP_SYS(fcntl), 1, {IS(1, F_GETFD)}},
    {SCMP_SYS(fcntl), 1, {IS(1, F_SETFD)}},
    {SCMP_SYS(fcntl), 1, {IS(1, F_GETFL)}},
    {SCMP_SYS(fcntl), 1, {IS(1, F_SETFL)}},
    {SCMP_SYS(mmap), 1, {HAS_NONE_OF(2, PROT_EXEC)}},
    {SCMP_SYS(mprotect), 1, {HAS_NONE_OF(2, PROT_EXEC)}},
    {SCMP_SYS(open), 1, {HAS_NONE_OF(1, WRITING)}},
    {SCMP_SYS(openat), 1, {HAS_NONE_OF(2, WRITING)}},
    {SCMP_SYS(prctl), 1, {IS(0, PR_SET_NAME)}},
    /* getrlimit() of ourselves. */
    {SCMP_SYS(prlimit64), 2, {IS(0, 0), {2, SCMP_CMP_EQ, 0, 0}}},
    /*
     * MSG_FASTOPEN would connect a listener that was shut down. sendmsg() may have an address,
     * which the filter cannot see: forbid_addressed() has the descriptors on which that would lead
     * somewhere. TLS and answers need it, and their sockets ignore or refuse an address.
     */
    {SCMP_SYS(sendmsg), 1, {HAS_NONE_OF(2, MSG_FASTOPEN)}},
    /* Without an address: to where the descriptor is connected, or to the kernel by netlink. */
    {SCMP_SYS(sendto), 2, {HAS_NONE_OF(3, MSG_FASTOPEN), {4, SCMP_CMP_EQ, 0, 0}}},
    {SCMP_SYS(setsockopt), 2, {IS(1, SOL_SOCKET), IS(2, SO_KEEPALIVE)}},
    {SCMP_SYS(setsockopt), 2, {IS(1, SOL_SOCKET), IS(2, SO_LINGER)}},
    {SCMP_SYS(setsockopt), 2, {IS(1, SOL_SOCKET), IS(2, SO_RCVBUF)}},
    {SCMP_SYS(setsockopt), 2, {IS(1, SOL_SOCKET), IS(2, SO_SNDBUF)}},
    {SCMP_SYS(setsockopt), 2, {IS(1, SOL_SOCKET), IS(2, SO_RCVTIMEO)}},
    {SCMP_SYS(setsockopt), 2, {IS(1, SOL_SOCKET), IS(2, SO_SNDTIMEO)}},
    {SCMP_SYS(setsockopt), 2, {IS(1, IPPROTO_TCP), IS(2, TCP_CORK)}},
    {SCMP_SYS(setsockopt), 2, {IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)}},
    {SCMP_SYS(setsockopt), 2, {IS(1, IPPROTO_TCP), IS(2, TCP_QUICKACK)}},
    {SCMP_SYS(setsockopt), 2, {IS(1, IPPROTO_TCP), IS(2, TCP_USER_TIMEOUT)}},
    /* The names of interfaces. */
    {SCMP_SYS(socket), 2, {IS(0, AF_NETLINK), IS(2, NETLINK_ROUTE)}},
    {SCMP_SYS(socket), 2, {IS(0, AF_NETLINK), IS(2, NETLINK_SOCK_DIAG)}},
};

static const int removing[] = {
    SCMP_SYS(unlink),
};

static const struct rule removing_narrowed[] = {
    {SCMP_SYS(unlinkat), 1, {IS(2, 0)}},
};

/* The one command of bpf() that is allowed: it takes the link of a program already loaded. */
static const struct rule walking[] = {
    {SCMP_SYS(bpf), 1, {IS(0, BPF_ITER_CREATE)}},
};

/* Entries of connection tracking, by netlink. */
static const struct rule asking_netfilter[] = {
    {SCMP_SYS(socket), 2, {IS(0, AF_NETLINK), IS(2, NETLINK_NETFILTER)}},
};

/*
 * These get "no such call": glibc and other libraries then use the older call, whose arguments can
 * be tested.
 */
static const int unknown[] = {
    SCMP_SYS(clone3),
    SCMP_SYS(close_range),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(futex_waitv),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(membarrier),
    SCMP_SYS(openat2),
    SCMP_SYS(preadv2),
    SCMP_SYS(pwritev2),
};

#if EPHEMERA_SANITIZED
/* LeakSanitizer's tracer, the maps of ThreadSanitizer, and their reports. */
static const int sanitizers[] = {
    SCMP_SYS(clone),
    SCMP_SYS(getdents),
    SCMP_SYS(ioctl),
    SCMP_SYS(mincore),
    SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(msync),
    SCMP_SYS(personality),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(prctl),
    SCMP_SYS(prlimit64),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(ptrace),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(wait4),
};
#endif

bool sandbox_is_widened(void)
{
	return EPHEMERA_SANITIZED;
}

/* A call that this architecture does not have has a negative number. */
static int add(scmp_filter_ctx filter, uint32_t action, const struct rule *rule)
{
	if (rule->call < 0)
		return 0;

	const int result =
	    seccomp_rule_add_array(filter, action, rule->call, rule->length, rule->tests);

	/* The same rule twice. */
	return result == -EEXIST ? 0 : result;
}

static int add_calls(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t length)
{
	int result = 0;

	for (size_t i = 0; i < length && result == 0; i++)
		result = add(filter, action, &(struct rule){.call = calls[i]});
	return result;
}

static int add_rules(scmp_filter_ctx filter, const struct rule *rules, size_t length)
{
	int result = 0;

	for (size_t i = 0; i < length && result == 0; i++)
		result = add(filter, SCMP_ACT_ALLOW, &rules[i]);
	return result;
}

static int configure(scmp_filter_ctx filter)
{
	/* Linux before 4.14 does not know it, and ends only the thread. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A tree, not a list: then the last call costs no more than the first. */
	return seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
}

/* libseccomp returns one error for all errors of the kernel, but keeps errno. */
static int load(scmp_filter_ctx filter)
{
	errno = 0;

	const int result = seccomp_load(filter);

	return result == -ECANCELED && errno ? -errno : result;
}

static int allow(scmp_filter_ctx filter, const struct sandbox_options *options)
{
	/* abort() and raise() use this; signals to other processes are not allowed. */
	const struct rule signals = {SCMP_SYS(tgkill), 1, {IS(0, getpid())}};
	int result = 0;

#if EPHEMERA_SANITIZED
	result = add_calls(filter, SCMP_ACT_ALLOW, sanitizers, LENGTH(sanitizers));
#endif
	if (result == 0)
		result = add_calls(filter, SCMP_ACT_ALLOW, plain, LENGTH(plain));
	if (result == 0)
		result = add_rules(filter, narrowed, LENGTH(narrowed));
	if (result == 0)
		result = add(filter, SCMP_ACT_ALLOW, &signals);
	if (result == 0 && options->removes_sockets)
		result = add_calls(filter, SCMP_ACT_ALLOW, removing, LENGTH(removing));
	if (result == 0 && options->removes_sockets)
		result = add_rules(filter, removing_narrowed, LENGTH(removing_narrowed));
	if (result == 0 && options->walks_by_bpf)
		result = add_rules(filter, walking, LENGTH(walking));
	if (result == 0 && options->asks_netfilter)
		result = add_rules(filter, asking_netfilter, LENGTH(asking_netfilter));
	if (result == 0)
		result = add_calls(filter, SCMP_ACT_ERRNO(ENOSYS), unknown, LENGTH(unknown));
	return result;
}

/*
 * No sendmsg() on these: a datagram socket sends it to any address. dup() and its kin are
 * forbidden, so a descriptor keeps its number. A filter of its own, since one filter cannot allow a
 * call for all descriptors except some; of two filters, the stricter one wins.
 */
static int forbid_addressed(scmp_filter_ctx filter, const struct sandbox_options *options)
{
	const int descriptors[] = {
	    STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, options->datagram_socket};
	int result = 0;

	for (size_t i = 0; i < LENGTH(descriptors) && result == 0; i++) {
		const struct rule rule = {SCMP_SYS(sendmsg), 1, {IS(0, descriptors[i])}};

		if (descriptors[i] >= 0)
			result = add(filter, SCMP_ACT_ERRNO(EPERM), &rule);
	}
	return result;
}

typedef int fill_filter(scmp_filter_ctx filter, const struct sandbox_options *options);

static int enter(uint32_t by_default, fill_filter *fill, const struct sandbox_options *options)
{
	scmp_filter_ctx filter = seccomp_init(by_default);

	if (!filter)
		return -ENOMEM;

	int result = configure(filter);

	if (result == 0)
		result = fill(filter, options);
	if (result == 0)
		result = load(filter);
	seccomp_release(filter);
	return result;
}

/* This order: the second filter forbids filters. */
int sandbox_enter(const struct sandbox_options *options)
{
	const int result = enter(SCMP_ACT_ALLOW, forbid_addressed, options);

	return result < 0 ? result : enter(SCMP_ACT_ERRNO(EPERM), allow, options);
}
