// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define SILENCE_SECONDS 5

/* Keeps our own errors apart from libmnl's, which are in errno. */
struct parse {
	const struct netlink_sink *sink;
	int error; /* 0 or -errno, of the sink or the kernel */
};

static int end_with(struct parse *parse, int error)
{
	parse->error = error;
	return MNL_CB_ERROR;
}

static int on_message(const struct nlmsghdr *message, void *data)
{
	struct parse *parse = data;
	const int result = parse->sink->message(parse->sink->context, message);

	return result < 0 ? end_with(parse, result) : MNL_CB_OK;
}

/*
 * libmnl's own callback for NLMSG_DONE ignores the errno in it: a dump that the kernel
 * refused half-way would look complete.
 */
static int on_done(const struct nlmsghdr *message, void *data)
{
	if (mnl_nlmsg_get_payload_len(message) >= sizeof(int)) {
		int error;

		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
		if (error < 0)
			return end_with(data, error);
	}
	return MNL_CB_STOP;
}

static int on_error(const struct nlmsghdr *message, void *data)
{
	struct nlmsgerr error;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(error))
		return end_with(data, -EBADMSG);
	memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	if (error.error == 0)
		return MNL_CB_STOP;
	return end_with(data, error.error < 0 ? error.error : -error.error);
}

static int on_overrun(const struct nlmsghdr *message, void *data)
{
	(void)message;
	return end_with(data, -EINTR);
}

/* Not const, since mnl_cb_run2() does not promise what it keeps: it only reads them. */
static mnl_cb_t control_callbacks[NLMSG_MIN_TYPE] = {
    [NLMSG_DONE] = on_done,
    [NLMSG_ERROR] = on_error,
    [NLMSG_OVERRUN] = on_overrun,
};

/*
 * mnl_cb_run2() silently skips a message that does not fit into the rest, and reads past the end
 * if one claims to be longer than INT_MAX.
 */
static bool is_whole(const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length >= sizeof(struct nlmsghdr)) {
		const size_t size = ((const struct nlmsghdr *)at)->nlmsg_len;
		const size_t aligned = (size + NLMSG_ALIGNTO - 1) & ~(size_t)(NLMSG_ALIGNTO - 1);

		if (size < sizeof(struct nlmsghdr) || size > length)
			return false;
		if (aligned >= length)
			return true;
		at += aligned;
		length -= aligned;
	}
	return false;
}

int netlink_parse(const void *bytes, size_t length, uint32_t sequence, uint32_t port,
    const struct netlink_sink *sink)
{
	struct parse parse = {.sink = sink};

	if (length == 0 || length > INT_MAX || !is_whole(bytes, length))
		return -EBADMSG;
	if (sink->received) {
		const int result = sink->received(sink->context, bytes, length);

		if (result < 0)
			return result;
	}

	const int result = mnl_cb_run2(
	    bytes, length, sequence, port, on_message, &parse, control_callbacks, NLMSG_MIN_TYPE);

	if (result <= MNL_CB_ERROR && parse.error)
		return parse.error;
	/* EPROTO and ESRCH: not the answer to our request. */
	if (result <= MNL_CB_ERROR)
		return errno == EINTR ? -EINTR : -EBADMSG;
	return result == MNL_CB_STOP ? 0 : 1;
}

/*
 * Without bind() and without addresses, which the sandbox of the daemon forbids: a socket that is
 * not connected sends to the kernel, and the kernel gives it a port with the first message.
 */
static int open_socket(int protocol)
{
	const struct timeval silence = {.tv_sec = SILENCE_SECONDS};
	const int fd = socket(AF_NETLINK, (int)SOCK_RAW | (int)SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence)) < 0) {
		const int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static int find_port(int fd, uint32_t *ret_port)
{
	struct sockaddr_nl ours = {.nl_family = AF_NETLINK};
	socklen_t size = sizeof(ours);

	if (getsockname(fd, (struct sockaddr *)&ours, &size) < 0)
		return -errno;
	*ret_port = ours.nl_pid;
	return 0;
}

/* Not recvmsg(), by which a process could also be passed descriptors. */
static int receive(int fd, void *buffer, size_t size, size_t *ret_length)
{
	for (;;) {
		struct sockaddr_nl sender = {.nl_family = AF_NETLINK};
		socklen_t sender_size = sizeof(sender);
		const ssize_t got =
		    recvfrom(fd, buffer, size, MSG_TRUNC, (struct sockaddr *)&sender, &sender_size);

		if (got >= 0 && sender.nl_pid != 0)
			continue; /* the kernel's port is 0; this is from another process */
		if (got >= 0) {
			*ret_length = (size_t)got;
			return (size_t)got > size ? -EMSGSIZE : 0;
		}
		switch (errno) {
		case EINTR:
			continue;
		case EAGAIN:
			return -ETIMEDOUT;
		case ENOBUFS: /* the kernel dropped part of it: treat it as interrupted */
			return -EINTR;
		default:
			return -errno;
		}
	}
}

static int exchange(int fd, struct nlmsghdr *request, const struct netlink_sink *sink)
{
	_Alignas(struct nlmsghdr) char buffer[NETLINK_BUFFER];
	uint32_t port = 0;

	request->nlmsg_seq = 1;
	if (send(fd, request, request->nlmsg_len, 0) < 0)
		return -errno;

	int result = find_port(fd, &port);

	if (result < 0)
		return result;
	for (;;) {
		size_t length = 0;

		result = receive(fd, buffer, sizeof(buffer), &length);
		if (result == 0)
			result = netlink_parse(buffer, length, request->nlmsg_seq, port, sink);
		if (result <= 0)
			return result;
	}
}

static int ask(int protocol, struct nlmsghdr *request, const struct netlink_sink *sink)
{
	const int fd = open_socket(protocol);

	if (fd < 0)
		return fd;

	const int result = exchange(fd, request, sink);

	close(fd);
	return result;
}

int netlink_dump(struct nlmsghdr *request, const struct netlink_sink *sink)
{
	return ask(NETLINK_SOCK_DIAG, request, sink);
}

int netlink_dump_netfilter(struct nlmsghdr *request, const struct netlink_sink *sink)
{
	return ask(NETLINK_NETFILTER, request, sink);
}

int netlink_get_route(struct nlmsghdr *request, const struct netlink_sink *sink)
{
	/* Without NLM_F_DUMP one message is the whole answer, without an end mark. */
	request->nlmsg_flags |= NLM_F_ACK;
	return ask(NETLINK_ROUTE, request, sink);
}
