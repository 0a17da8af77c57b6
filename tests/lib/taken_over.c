// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded into the exporter, it is an attacker who has taken over the process. With the first
 * connection that is accepted, it tries by every descriptor to send datagrams to the unix socket
 * $TAKEN_OVER, and to make a socket at $TAKEN_OVER.made. One line on standard error says how many
 * descriptors were unix datagram sockets, and how many of the attempts went.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DESCRIPTORS 256

static struct sockaddr_un named(const char *suffix)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s%s", getenv("TAKEN_OVER"), suffix);
	return address;
}

static int option_of(int fd, int option)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -1 : value;
}

static int try_all(int fd, struct sockaddr_un *log, struct sockaddr_un *made)
{
	struct iovec text = {"forged", 6};
	struct msghdr message = {log, sizeof(*log), &text, 1, NULL, 0, 0};
	struct mmsghdr messages = {message, 0};
	int went = 0;

	went += sendto(fd, "forged", 6, MSG_NOSIGNAL, (struct sockaddr *)log, sizeof(*log)) >= 0;
	went += sendmsg(fd, &message, MSG_NOSIGNAL) >= 0;
	went += sendmmsg(fd, &messages, 1, MSG_NOSIGNAL) >= 0;
	went += bind(fd, (struct sockaddr *)made, sizeof(*made)) >= 0;
	went += connect(fd, (struct sockaddr *)log, sizeof(*log)) >= 0;
	return went;
}

static void attack(void)
{
	struct sockaddr_un log = named("");
	struct sockaddr_un made = named(".made");
	const int own = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int datagram = 0;
	int went = own >= 0;

	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		if (option_of(fd, SO_DOMAIN) != AF_UNIX || option_of(fd, SO_TYPE) != SOCK_DGRAM)
			continue;
		datagram++;
		went += try_all(fd, &log, &made);
	}
	dprintf(STDERR_FILENO, "taken over: datagram=%d went=%d\n", datagram, went);
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	static atomic_flag begun = ATOMIC_FLAG_INIT;
	int (*real)(int, struct sockaddr *, socklen_t *, int);
	int accepted;

	*(void **)&real = dlsym(RTLD_NEXT, "accept4");
	accepted = real(fd, address, size, flags);
	if (accepted >= 0 && !atomic_flag_test_and_set(&begun))
		attack();
	return accepted;
}
