// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define SILENCE_SECONDS 5

static int on_message(const struct nlmsghdr *message, void *data)
{
	const struct netlink_sink *sink = data;
	const int result = sink->message(sink->context, message);

	if (result < 0) {
		errno = -result;
		return MNL_CB_ERROR;
	}
	return MNL_CB_OK;
}

/*
 * libmnl's own callback for NLMSG_DONE ignores the errno in it: a dump that the kernel
 * refused half-way would look complete.
 */
static int on_done(const struct nlmsghdr *message, void *data)
{
	(void)data;
	if (mnl_nlmsg_get_payload_len(message) >= sizeof(int)) {
		int error;

		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
		if (error < 0) {
			errno = -error;
			return MNL_CB_ERROR;
		}
	}
	return MNL_CB_STOP;
}

static int on_error(const struct nlmsghdr *message, void *data)
{
	struct nlmsgerr error;

	(void)data;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(error)) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	if (error.error == 0)
		return MNL_CB_STOP;
	errno = error.error < 0 ? -error.error : error.error;
	return MNL_CB_ERROR;
}

static int on_overrun(const struct nlmsghdr *message, void *data)
{
	(void)message;
	(void)data;
	errno = EINTR;
	return MNL_CB_ERROR;
}

/* Not const, since mnl_cb_run2() does not promise what it keeps: it only reads them. */
static mnl_cb_t control_callbacks[NLMSG_MIN_TYPE] = {
    [NLMSG_DONE] = on_done,
    [NLMSG_ERROR] = on_error,
    [NLMSG_OVERRUN] = on_overrun,
};

int netlink_parse(const void *bytes, size_t length, uint32_t sequence, uint32_t port,
    const struct netlink_sink *sink)
{
	if (length < sizeof(struct nlmsghdr))
		return -EBADMSG;
	if (sink->received) {
		const int result = sink->received(sink->context, bytes, length);

		if (result < 0)
			return result;
	}

	const int result = mnl_cb_run2(bytes, length, sequence, port, on_message, (void *)sink,
	    control_callbacks, NLMSG_MIN_TYPE);

	if (result <= MNL_CB_ERROR)
		return errno == EPROTO || errno == ESRCH ? -EBADMSG : -errno;
	return result == MNL_CB_STOP ? 0 : 1;
}

static int open_socket(struct mnl_socket **ret_socket)
{
	const struct timeval silence = {.tv_sec = SILENCE_SECONDS};
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);

	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &silence,
		sizeof(silence)) < 0) {
		const int error = errno;

		mnl_socket_close(socket);
		return -error;
	}
	*ret_socket = socket;
	return 0;
}

static int receive(struct mnl_socket *socket, void *buffer, size_t size, size_t *ret_length)
{
	for (;;) {
		const ssize_t got = mnl_socket_recvfrom(socket, buffer, size);

		if (got >= 0) {
			*ret_length = (size_t)got;
			return 0;
		}
		switch (errno) {
		case EINTR:
			continue;
		case EAGAIN:
			return -ETIMEDOUT;
		case ENOBUFS: /* the kernel dropped some of it: as good as interrupted */
			return -EINTR;
		case ENOSPC: /* libmnl's word for MSG_TRUNC */
			return -EMSGSIZE;
		default:
			return -errno;
		}
	}
}

static int run_dump(
    struct mnl_socket *socket, struct nlmsghdr *request, const struct netlink_sink *sink)
{
	_Alignas(struct nlmsghdr) char buffer[NETLINK_BUFFER];

	request->nlmsg_seq = 1;
	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		size_t length;
		int result = receive(socket, buffer, sizeof(buffer), &length);

		if (result == 0)
			result = netlink_parse(buffer, length, request->nlmsg_seq,
			    mnl_socket_get_portid(socket), sink);
		if (result <= 0)
			return result;
	}
}

int netlink_dump(struct nlmsghdr *request, const struct netlink_sink *sink)
{
	struct mnl_socket *socket;
	int result = open_socket(&socket);

	if (result < 0)
		return result;
	result = run_dump(socket, request, sink);
	mnl_socket_close(socket);
	return result;
}
