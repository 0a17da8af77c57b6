// SPDX-License-Identifier: Apache-2.0
/* What the sandbox refuses. */
#include "exporter/daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "sandbox_attempts.h"
#include "unit.h"

static char *const arguments[] = {"true", NULL};
static const struct sockaddr_in destination = {
    .sin_family = AF_INET,
    .sin_port = 0x3930, /* nobody's */
    .sin_addr.s_addr = 0x0100007f,
};
#define DESTINATION ((const struct sockaddr *)&destination), sizeof(destination)
#define LOG ((const struct sockaddr *)&at_hand.log), sizeof(at_hand.log)
#define OTHER ((const struct sockaddr *)&at_hand.nowhere), sizeof(at_hand.nowhere)
#define KERNEL ((const struct sockaddr *)&kernel), sizeof(kernel)
static const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
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

static void what_is_not_needed_is_refused(void **state)
{
	(void)state;
	assert_int_equal(count_wrong(forbidden, LENGTH(forbidden), REFUSED), 0);
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_not_needed_is_refused),
	    cmocka_unit_test(without_the_sandbox_they_would_not_fail_like_that),
	};
	const int hindrance = sandbox_hindrance(argc, argv);

	return hindrance >= 0 ? hindrance
			      : cmocka_run_group_tests_name("sandbox_forbidden", tests,
				    make_what_is_at_hand, remove_what_was_at_hand);
}
