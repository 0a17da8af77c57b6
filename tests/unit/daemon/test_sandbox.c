// SPDX-License-Identifier: Apache-2.0
/*
 * The filter by what the kernel does under it: each call in a process of its own, which enters
 * the sandbox first. "--strict" fails where this build lets a sanitizer have more.
 */
#include "exporter/daemon/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>

#include "collectors/kernel/interface.h"
#include "unit.h"
#include "workspace.h"

/* Exit statuses of a child; a program that it became, or a fork of it, has another. */
enum { REFUSED = 40, DONE, FAILED_OTHERWISE, NO_SANDBOX };

/* Made before the child enters the sandbox. */
static struct {
	struct workspace workspace;
	char file[PATH_MAX + 8];
	char other[PATH_MAX + 8]; /* where nothing is */
	char fifo[PATH_MAX + 8];
	struct sockaddr_un log; /* of a datagram socket that anybody may send to */
	int tcp;		/* listens, on a port of its own */
	int netlink;
	int log_fd;
	int notify[2]; /* unix datagrams, connected to each other */
	int pair[2];   /* unix, connected */
	int fd;	       /* of file, for reading and writing */
	void *page;    /* writable */
	pid_t parent;  /* not of our process */
} at_hand;

/* A sanitizer's runtime needs the call: allowed in such a build. */
#define LOOSE 1u
/* The kernel may refuse it in the same words without the sandbox, or it ends the test. */
#define ONLY_INSIDE 2u

struct attempt {
	const char *name;
	long (*try)(void); /* -1 and errno, as system calls do */
	int error;	   /* wanted; 0: the call has to succeed */
	unsigned flags;
};

#define TRY(name, expression)        \
	static long try_##name(void) \
	{                            \
		return (expression); \
	}

static char *const arguments[] = {"true", NULL};
static const struct sockaddr_in destination = {
    .sin_family = AF_INET,
    .sin_port = 0x3930, /* nobody's */
    .sin_addr.s_addr = 0x0100007f,
};
#define DESTINATION ((const struct sockaddr *)&destination), sizeof(destination)
#define LOG ((const struct sockaddr *)&at_hand.log), sizeof(at_hand.log)
#define OTHER ((const struct sockaddr *)&nowhere), sizeof(nowhere)
#define KERNEL ((const struct sockaddr *)&kernel), sizeof(kernel)
static struct sockaddr_un nowhere = {.sun_family = AF_UNIX};
static const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
static struct iovec vector = {at_hand.file, 1};
static struct msghdr to_log = {
    .msg_name = &at_hand.log,
    .msg_namelen = sizeof(at_hand.log),
    .msg_iov = &vector,
    .msg_iovlen = 1,
};
static struct rlimit limit = {10, 10};
static struct clone_arguments {
	uint64_t flags, others[10];
} clone_arguments;

static long try_fork(void)
{
	const pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

TRY(vfork_call, syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL))
TRY(execve, execve("/bin/true", arguments, environ))
TRY(execveat, syscall(SYS_execveat, AT_FDCWD, "/bin/true", arguments, environ, 0))
TRY(clone3, syscall(SYS_clone3, &clone_arguments, sizeof(clone_arguments)))
TRY(clone_namespace, syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL))
TRY(ptrace, ptrace(PTRACE_PEEKDATA, at_hand.parent, NULL, NULL))
TRY(process_vm_readv, process_vm_readv(at_hand.parent, &vector, 1, &vector, 1, 0))
TRY(process_vm_writev, process_vm_writev(at_hand.parent, &vector, 1, &vector, 1, 0))
TRY(kill_parent, kill(at_hand.parent, 0))
TRY(kill_self, kill(getpid(), 0))
TRY(tgkill_parent, syscall(SYS_tgkill, at_hand.parent, at_hand.parent, 0))
TRY(tkill, syscall(SYS_tkill, at_hand.parent, 0))
TRY(pidfd_open, syscall(SYS_pidfd_open, at_hand.parent, 0))
TRY(pidfd_getfd, syscall(SYS_pidfd_getfd, at_hand.fd, 0, 0))
TRY(pidfd_send_signal, syscall(SYS_pidfd_send_signal, at_hand.fd, 0, NULL, 0))
TRY(sigqueue, sigqueue(at_hand.parent, 0, (union sigval){.sival_int = 0}))
TRY(kcmp, syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0))
TRY(process_madvise, syscall(SYS_process_madvise, at_hand.fd, &vector, 1, MADV_COLD, 0))
TRY(setpriority, setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0)))
TRY(scheduler, sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){.sched_priority = 0}))
TRY(socket_inet, socket(AF_INET, SOCK_STREAM, 0))
TRY(socket_inet6, socket(AF_INET6, SOCK_DGRAM, 0))
TRY(socket_unix, socket(AF_UNIX, SOCK_STREAM, 0))
TRY(socket_packet, socket(AF_PACKET, SOCK_RAW, 0))
TRY(socket_vsock, socket(AF_VSOCK, SOCK_STREAM, 0))
TRY(socket_audit, socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT))
TRY(socketpair, socketpair(AF_UNIX, SOCK_STREAM, 0, at_hand.pair))
TRY(connect, connect(at_hand.tcp, DESTINATION))
TRY(listen, listen(at_hand.tcp, 5))
TRY(fastopen_sendto, sendto(at_hand.tcp, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, DESTINATION))
TRY(fastopen_sendmsg,
    sendmsg(at_hand.tcp, &(struct msghdr){.msg_iov = &vector, .msg_iovlen = 1}, MSG_FASTOPEN))
TRY(sendto_address, sendto(at_hand.notify[0], "x", 1, MSG_NOSIGNAL, LOG))
TRY(sendmsg_address, sendmsg(at_hand.notify[0], &to_log, MSG_NOSIGNAL))
TRY(sendmsg_datagram,
    sendmsg(at_hand.notify[0], &(struct msghdr){.msg_iov = &vector, .msg_iovlen = 1}, MSG_NOSIGNAL))
TRY(sendmsg_stdin, sendmsg(STDIN_FILENO, &to_log, MSG_NOSIGNAL))
/* An int: the kernel ignores what is above it. */
TRY(sendmsg_wide, syscall(SYS_sendmsg, 1ul << 32 | (unsigned)at_hand.notify[0], &to_log, 0))
TRY(sendmmsg, sendmmsg(at_hand.notify[0], &(struct mmsghdr){.msg_hdr = to_log}, 1, MSG_NOSIGNAL))
TRY(sendto_netlink, sendto(at_hand.netlink, "x", 1, 0, KERNEL))
TRY(bind_unix, bind(at_hand.notify[0], OTHER))
TRY(bind_netlink, bind(at_hand.netlink, KERNEL))
TRY(recvmsg, recvmsg(at_hand.notify[0], &to_log, MSG_DONTWAIT))
TRY(recvmmsg,
    recvmmsg(at_hand.notify[0], &(struct mmsghdr){.msg_hdr = to_log}, 1, MSG_DONTWAIT, NULL))
TRY(tcp_repair, setsockopt(at_hand.tcp, IPPROTO_TCP, TCP_REPAIR, &(int){0}, sizeof(int)))
TRY(bind_device, setsockopt(at_hand.tcp, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2))
TRY(open_to_write, open(at_hand.file, O_WRONLY))
TRY(open_to_read_and_write, open(at_hand.file, O_RDWR))
TRY(open_to_append, open(at_hand.file, O_RDONLY | O_APPEND))
TRY(open_to_truncate, open(at_hand.file, O_RDONLY | O_TRUNC))
TRY(open_to_create, open(at_hand.other, O_RDONLY | O_CREAT, 0600))
TRY(open_unnamed, open(at_hand.workspace.path, O_RDWR | O_TMPFILE, 0600))
TRY(creat, creat(at_hand.file, 0600))
TRY(openat2, syscall(SYS_openat2, AT_FDCWD, at_hand.file, &(uint64_t[3]){O_RDWR}, 24))
TRY(open_by_handle_at, syscall(SYS_open_by_handle_at, at_hand.fd, &(uint64_t[3]){8}, O_RDONLY))
TRY(open_memory, open("/proc/self/mem", O_RDWR))
TRY(open_device, open("/dev/null", O_WRONLY))
TRY(open_fifo, open(at_hand.fifo, O_RDWR | O_NONBLOCK))
TRY(mkfifo, mkfifo(at_hand.other, 0600))
TRY(name_to_handle_at, syscall(SYS_name_to_handle_at, AT_FDCWD, at_hand.file, NULL, NULL, 0))
TRY(setxattr, setxattr(at_hand.file, "user.x", "x", 1, 0))
TRY(utimensat, utimensat(AT_FDCWD, at_hand.file, NULL, 0))
TRY(fallocate, fallocate(at_hand.fd, 0, 0, 8))
TRY(copy_file_range, copy_file_range(at_hand.fd, NULL, at_hand.fd, NULL, 1, 0))
TRY(sendfile, sendfile(at_hand.fd, at_hand.fd, NULL, 1))
TRY(unlink, unlink(at_hand.file))
TRY(rmdir, unlinkat(AT_FDCWD, at_hand.workspace.path, AT_REMOVEDIR))
TRY(rename, rename(at_hand.file, at_hand.file))
TRY(link, link(at_hand.file, at_hand.other))
TRY(symlink, symlink(at_hand.file, at_hand.other))
TRY(mkdir, mkdir(at_hand.other, 0700))
TRY(chmod, chmod(at_hand.file, 0600))
TRY(fchmod, fchmod(at_hand.fd, 0600))
TRY(chown, chown(at_hand.file, getuid(), getgid()))
TRY(truncate, truncate(at_hand.file, 0))
TRY(ftruncate, ftruncate(at_hand.fd, 0))
TRY(mount, mount("none", at_hand.workspace.path, "tmpfs", 0, NULL))
TRY(umount, umount2(at_hand.workspace.path, 0))
TRY(chroot, chroot("/"))
TRY(chdir, chdir("/"))
TRY(setns, setns(at_hand.fd, 0))
TRY(unshare, unshare(CLONE_FILES))
TRY(setuid, setresuid(getuid(), getuid(), getuid()))
TRY(setgid, setresgid(getgid(), getgid(), getgid()))
TRY(setrlimit, setrlimit(RLIMIT_NOFILE, &limit))
TRY(prlimit_parent, prlimit(at_hand.parent, RLIMIT_NOFILE, NULL, &limit))
TRY(mmap_executable,
    (long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
TRY(mprotect_executable, mprotect(at_hand.page, 4096, PROT_READ | PROT_EXEC))
TRY(pkey_mprotect, syscall(SYS_pkey_mprotect, at_hand.page, 4096, PROT_READ | PROT_EXEC, -1))
TRY(shmget, shmget(IPC_PRIVATE, 4096, 0600))
TRY(shmat, (long)shmat(-1, NULL, SHM_EXEC))
TRY(memfd_secret, syscall(447 /* SYS_memfd_secret */, 0))
TRY(personality, personality(READ_IMPLIES_EXEC))
TRY(capset, syscall(SYS_capset, &(uint32_t[2]){0x20080522}, &(uint32_t[6]){0}))
TRY(fsopen, syscall(SYS_fsopen, "tmpfs", 0))
TRY(open_tree, syscall(SYS_open_tree, AT_FDCWD, "/", 0))
TRY(mknod, mknod(at_hand.other, S_IFREG | 0600, 0))
TRY(add_key, syscall(SYS_add_key, "user", "x", "x", 1, 0))
TRY(delete_module, syscall(SYS_delete_module, "x", 0))
TRY(syslog, syscall(SYS_syslog, 10, NULL, 0))
TRY(clock_settime, syscall(SYS_clock_settime, CLOCK_REALTIME, NULL))
TRY(memfd_create, syscall(SYS_memfd_create, "x", 0))
TRY(prctl_dumpable, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
TRY(prctl_keepcaps, prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0))
TRY(seccomp_call, syscall(SYS_seccomp, 2, 0, NULL))
TRY(bpf, syscall(SYS_bpf, 0, NULL, 0))
TRY(perf_event_open, syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0))
TRY(io_uring_setup, syscall(SYS_io_uring_setup, 1, NULL))
TRY(userfaultfd, syscall(SYS_userfaultfd, 0))
TRY(keyctl, syscall(SYS_keyctl, 0, 0, 0, 0, 0))
TRY(init_module, syscall(SYS_init_module, NULL, 0, ""))
TRY(ioctl_tty, ioctl(at_hand.fd, TIOCSTI, "x"))
TRY(fcntl_owner, fcntl(at_hand.tcp, F_SETOWN, at_hand.parent))
TRY(fcntl_dup, fcntl(at_hand.fd, F_DUPFD, 0))
TRY(dup2, dup2(at_hand.fd, 0))
TRY(splice, splice(at_hand.fd, NULL, at_hand.pair[0], NULL, 1, 0))

static const struct attempt forbidden[] = {
    {"fork()", try_fork, EPERM, LOOSE},
    {"vfork()", try_vfork_call, EPERM, LOOSE | ONLY_INSIDE},
    {"execve()", try_execve, EPERM, ONLY_INSIDE},
    {"execveat()", try_execveat, EPERM, ONLY_INSIDE},
    {"clone3()", try_clone3, ENOSYS, ONLY_INSIDE},
    {"clone() of a namespace", try_clone_namespace, EPERM, LOOSE | ONLY_INSIDE},
    {"ptrace()", try_ptrace, EPERM, LOOSE},
    {"process_vm_readv()", try_process_vm_readv, EPERM, LOOSE | ONLY_INSIDE},
    {"process_vm_writev()", try_process_vm_writev, EPERM, ONLY_INSIDE},
    {"kill() of the parent", try_kill_parent, EPERM},
    {"kill() of itself", try_kill_self, EPERM},
    {"tgkill() of the parent", try_tgkill_parent, EPERM},
    {"tkill()", try_tkill, EPERM},
    {"pidfd_open()", try_pidfd_open, EPERM},
    {"pidfd_getfd()", try_pidfd_getfd, EPERM, ONLY_INSIDE},
    {"pidfd_send_signal()", try_pidfd_send_signal, EPERM},
    {"sigqueue()", try_sigqueue, EPERM},
    {"kcmp()", try_kcmp, EPERM, ONLY_INSIDE},
    {"process_madvise()", try_process_madvise, EPERM, ONLY_INSIDE},
    {"setpriority()", try_setpriority, EPERM},
    {"sched_setscheduler()", try_scheduler, EPERM},
    {"socket(AF_INET)", try_socket_inet, EPERM},
    {"socket(AF_INET6)", try_socket_inet6, EPERM},
    {"socket(AF_UNIX)", try_socket_unix, EPERM},
    {"socket(AF_PACKET)", try_socket_packet, EPERM, ONLY_INSIDE},
    {"socket(AF_VSOCK)", try_socket_vsock, EPERM},
    {"socket(NETLINK_AUDIT)", try_socket_audit, EPERM},
    {"socketpair()", try_socketpair, EPERM},
    {"connect()", try_connect, EPERM},
    {"listen()", try_listen, EPERM},
    {"sendto(MSG_FASTOPEN)", try_fastopen_sendto, EPERM},
    {"sendmsg(MSG_FASTOPEN)", try_fastopen_sendmsg, EPERM},
    {"sendto() an address", try_sendto_address, EPERM},
    {"sendmsg() to an address", try_sendmsg_address, EPERM},
    {"sendmsg() by the service manager's socket", try_sendmsg_datagram, EPERM},
    {"sendmsg() by standard input", try_sendmsg_stdin, EPERM},
    {"sendmsg() with more than an int", try_sendmsg_wide, EPERM},
    {"sendmmsg()", try_sendmmsg, EPERM},
    {"sendto() an address by netlink", try_sendto_netlink, EPERM},
    {"bind() to a path", try_bind_unix, EPERM},
    {"bind() of netlink", try_bind_netlink, EPERM},
    {"recvmsg()", try_recvmsg, EPERM},
    {"recvmmsg()", try_recvmmsg, EPERM},
    {"setsockopt(TCP_REPAIR)", try_tcp_repair, EPERM, ONLY_INSIDE},
    {"setsockopt(SO_BINDTODEVICE)", try_bind_device, EPERM, ONLY_INSIDE},
    {"open(O_WRONLY)", try_open_to_write, EPERM},
    {"open(O_RDWR)", try_open_to_read_and_write, EPERM},
    {"open(O_APPEND)", try_open_to_append, EPERM},
    {"open(O_TRUNC)", try_open_to_truncate, EPERM},
    {"open(O_CREAT)", try_open_to_create, EPERM},
    {"open(O_TMPFILE)", try_open_unnamed, EPERM},
    {"creat()", try_creat, EPERM},
    {"openat2()", try_openat2, ENOSYS, ONLY_INSIDE},
    {"open_by_handle_at()", try_open_by_handle_at, EPERM, ONLY_INSIDE},
    {"open(/proc/self/mem)", try_open_memory, EPERM},
    {"open() of a device", try_open_device, EPERM},
    {"open() of a FIFO", try_open_fifo, EPERM},
    {"mkfifo()", try_mkfifo, EPERM},
    {"name_to_handle_at()", try_name_to_handle_at, EPERM, ONLY_INSIDE},
    {"setxattr()", try_setxattr, EPERM, ONLY_INSIDE},
    {"utimensat()", try_utimensat, EPERM},
    {"fallocate()", try_fallocate, EPERM},
    {"copy_file_range()", try_copy_file_range, EPERM},
    {"sendfile()", try_sendfile, EPERM},
    {"unlink()", try_unlink, EPERM, ONLY_INSIDE},
    {"rmdir()", try_rmdir, EPERM},
    {"rename()", try_rename, EPERM},
    {"link()", try_link, EPERM},
    {"symlink()", try_symlink, EPERM},
    {"mkdir()", try_mkdir, EPERM},
    {"chmod()", try_chmod, EPERM},
    {"fchmod()", try_fchmod, EPERM},
    {"chown()", try_chown, EPERM},
    {"truncate()", try_truncate, EPERM},
    {"ftruncate()", try_ftruncate, EPERM},
    {"mount()", try_mount, EPERM, ONLY_INSIDE},
    {"umount2()", try_umount, EPERM, ONLY_INSIDE},
    {"chroot()", try_chroot, EPERM, ONLY_INSIDE},
    {"chdir()", try_chdir, EPERM},
    {"setns()", try_setns, EPERM},
    {"unshare()", try_unshare, EPERM},
    {"setresuid()", try_setuid, EPERM},
    {"setresgid()", try_setgid, EPERM},
    {"setrlimit()", try_setrlimit, EPERM, LOOSE},
    {"prlimit() of the parent", try_prlimit_parent, EPERM, LOOSE},
    {"mmap(PROT_EXEC)", try_mmap_executable, EPERM, LOOSE},
    {"mprotect(PROT_EXEC)", try_mprotect_executable, EPERM, LOOSE},
    {"pkey_mprotect()", try_pkey_mprotect, EPERM},
    {"shmget()", try_shmget, EPERM},
    {"shmat()", try_shmat, EPERM},
    {"memfd_secret()", try_memfd_secret, EPERM, ONLY_INSIDE},
    {"personality()", try_personality, EPERM, LOOSE | ONLY_INSIDE},
    {"capset()", try_capset, EPERM, ONLY_INSIDE},
    {"fsopen()", try_fsopen, EPERM, ONLY_INSIDE},
    {"open_tree()", try_open_tree, EPERM, ONLY_INSIDE},
    {"mknod()", try_mknod, EPERM, ONLY_INSIDE},
    {"add_key()", try_add_key, EPERM, ONLY_INSIDE},
    {"delete_module()", try_delete_module, EPERM, ONLY_INSIDE},
    {"syslog()", try_syslog, EPERM, ONLY_INSIDE},
    {"clock_settime()", try_clock_settime, EPERM, ONLY_INSIDE},
    {"memfd_create()", try_memfd_create, EPERM},
    {"prctl(PR_SET_DUMPABLE)", try_prctl_dumpable, EPERM, LOOSE},
    {"prctl(PR_SET_KEEPCAPS)", try_prctl_keepcaps, EPERM, LOOSE},
    {"seccomp()", try_seccomp_call, EPERM, ONLY_INSIDE},
    {"bpf()", try_bpf, EPERM, ONLY_INSIDE},
    {"perf_event_open()", try_perf_event_open, EPERM, ONLY_INSIDE},
    {"io_uring_setup()", try_io_uring_setup, ENOSYS, ONLY_INSIDE},
    {"userfaultfd()", try_userfaultfd, EPERM, ONLY_INSIDE},
    {"keyctl()", try_keyctl, EPERM, ONLY_INSIDE},
    {"init_module()", try_init_module, EPERM, ONLY_INSIDE},
    {"ioctl(TIOCSTI)", try_ioctl_tty, EPERM, LOOSE | ONLY_INSIDE},
    {"fcntl(F_SETOWN)", try_fcntl_owner, EPERM},
    {"fcntl(F_DUPFD)", try_fcntl_dup, EPERM},
    {"dup2()", try_dup2, EPERM},
    {"splice()", try_splice, EPERM},
};

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
TRY(sigprocmask, sigprocmask(SIG_BLOCK, &no_signals, NULL))
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

static int make_sockets(void)
{
	at_hand.tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	at_hand.netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	at_hand.log_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	at_hand.log.sun_family = AF_UNIX;
	snprintf(at_hand.log.sun_path, sizeof(at_hand.log.sun_path), "%.90s/log",
	    at_hand.workspace.path);
	snprintf(nowhere.sun_path, sizeof(nowhere.sun_path), "%.90s/other", at_hand.workspace.path);
	if (listen(at_hand.tcp, 1) < 0 || at_hand.netlink < 0 || bind(at_hand.log_fd, LOG) < 0 ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, at_hand.notify) < 0 ||
	    send(at_hand.notify[1], "xx", 2, 0) != 2)
		return -1;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, at_hand.pair);
}

static int make_what_is_at_hand(void **state)
{
	(void)state;
	workspace_make(&at_hand.workspace);
	snprintf(at_hand.file, sizeof(at_hand.file), "%s/file", at_hand.workspace.path);
	snprintf(at_hand.other, sizeof(at_hand.other), "%s/other", at_hand.workspace.path);
	snprintf(at_hand.fifo, sizeof(at_hand.fifo), "%s/fifo", at_hand.workspace.path);
	at_hand.fd = open(at_hand.file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	at_hand.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	at_hand.parent = getpid();
	sigemptyset(&no_signals);
	if (at_hand.fd < 0 || at_hand.page == MAP_FAILED || write(at_hand.fd, "text", 4) != 4 ||
	    mkfifo(at_hand.fifo, 0600) < 0)
		return -1;
	return make_sockets();
}

static int remove_what_was_at_hand(void **state)
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

/* The status that waitpid() tells. */
static int try_in_child(const struct attempt *attempt, const struct sandbox_options *options)
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

static unsigned count_wrong(const struct attempt *attempts, size_t length, int wanted)
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

static void what_is_not_needed_is_refused(void **state)
{
	(void)state;
	assert_int_equal(count_wrong(forbidden, LENGTH(forbidden), REFUSED), 0);
}

static void what_is_needed_works(void **state)
{
	(void)state;
	assert_int_equal(count_wrong(allowed, LENGTH(allowed), DONE), 0);
}

/* An attempt that fails for another reason than the sandbox proves nothing. */
static void without_the_sandbox_they_would_not_fail_like_that(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(forbidden); i++) {
		int found;

		if (forbidden[i].flags & ONLY_INSIDE)
			continue;

		const pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(forbidden[i].try() < 0 && errno == forbidden[i].error);
		assert_int_equal(waitpid(pid, &found, 0), pid);
		if (found != 0)
			fail_msg("%s failed without the sandbox, too", forbidden[i].name);
	}
}

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

static bool has_seccomp(void)
{
	int found;
	const pid_t pid = fork();

	if (pid == 0)
		_exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		      sandbox_enter(&(struct sandbox_options){.datagram_socket = -1}) < 0);
	return pid > 0 && waitpid(pid, &found, 0) == pid && found == 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_not_needed_is_refused),
	    cmocka_unit_test(what_is_needed_works),
	    cmocka_unit_test(without_the_sandbox_they_would_not_fail_like_that),
	    cmocka_unit_test(a_connection_sends_to_nobody_else),
	    cmocka_unit_test(abort_still_ends_the_process),
#ifdef __x86_64__
	    cmocka_unit_test(x32_calls_end_the_process),
	    cmocka_unit_test(i386_calls_end_the_process),
#endif
	    cmocka_unit_test(files_are_removed_only_where_a_unix_socket_is_listened_on),
	    cmocka_unit_test(bpf_walks_only_where_that_is_wanted_and_loads_nothing),
	};

	if (argc > 1 && strcmp(argv[1], "--strict") == 0 && sandbox_is_widened()) {
		fprintf(stderr, "this build lets a sanitizer have more\n");
		return 1;
	}
	if (!has_seccomp()) {
		fprintf(stderr, "this kernel has no seccomp\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, make_what_is_at_hand, remove_what_was_at_hand);
}
