// SPDX-License-Identifier: Apache-2.0
/*
 * ephemera-floor: dumps the TCP sockets of the current network namespace and only counts
 * them. No program that looks at every socket through sock_diag can be cheaper, so it is
 * the measure of those that do more.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* The kernel fills what recv() offers, up to 32 KiB: less would cost more calls. */
#define BUFFER_SIZE (64U << 10)
#define MAX_REPEAT 100000UL
#define ALL_STATES UINT32_MAX

static const char usage[] =
    "Usage: ephemera-floor [--repeat K] [--states MASK]\n"
    "\n"
    "Dumps the TCP sockets of the current network namespace, IPv4 and IPv6, in one walk\n"
    "of the kernel's table, and prints how many there are.\n"
    "\n"
    "  --repeat K     dump K times, print K lines (default: 1)\n"
    "  --states MASK  only sockets in these states, one bit a state (default: 0xffffffff,\n"
    "                 all of them, which includes those that only bind())\n"
    "  --help         this text\n";

static int parse_number(const char *name, const char *text, unsigned long max, unsigned long *ret)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || value < 1 || value > max) {
		fprintf(stderr, "ephemera-floor: --%s must be a number from 1 to %lu, not \"%s\"\n",
		    name, max, text);
		return -EINVAL;
	}
	*ret = value;
	return 0;
}

/* Legacy requests answer with both families; v2 ones would walk the table once for each. */
static int request(struct mnl_socket *netlink, uint32_t seq, uint32_t states)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct inet_diag_req))];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req *body;

	header->nlmsg_type = TCPDIAG_GETSOCK;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = seq;
	body = mnl_nlmsg_put_extra_header(header, sizeof(*body));
	body->idiag_family = AF_INET;
	body->idiag_states = states;
	return mnl_socket_sendto(netlink, header, header->nlmsg_len) < 0 ? -errno : 0;
}

static int count_record(const struct nlmsghdr *header, void *data)
{
	uint64_t *count = data;

	(void)header;
	++*count;
	return MNL_CB_OK;
}

/*
 * libmnl's own callback takes every NLMSG_DONE for success; this one reads its errno. It also
 * stands for NLMSG_ERROR, which begins alike: an own array leaves out what it does not name.
 */
static int end_dump(const struct nlmsghdr *header, void *data)
{
	int status;

	(void)data;
	if (mnl_nlmsg_get_payload_len(header) < sizeof(status)) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	memcpy(&status, mnl_nlmsg_get_payload(header), sizeof(status));
	if (status < 0) {
		errno = -status;
		return MNL_CB_ERROR;
	}
	return MNL_CB_STOP;
}

static int dump(struct mnl_socket *netlink, uint32_t seq, uint32_t states, uint64_t *ret_count)
{
	static mnl_cb_t control[] = {[NLMSG_ERROR] = end_dump, [NLMSG_DONE] = end_dump};
	static char buffer[BUFFER_SIZE];
	unsigned int portid = mnl_socket_get_portid(netlink);
	uint64_t count = 0;
	int status = request(netlink, seq, states);

	if (status)
		return status;
	do {
		ssize_t length = mnl_socket_recvfrom(netlink, buffer, sizeof(buffer));

		if (length < 0)
			return -errno;
		status = mnl_cb_run2(buffer, (size_t)length, seq, portid, count_record, &count,
		    control, MNL_ARRAY_SIZE(control));
	} while (status > MNL_CB_STOP);
	if (status < 0)
		return -errno;
	*ret_count = count;
	return 0;
}

static int dump_repeatedly(unsigned long repeat, uint32_t states)
{
	struct mnl_socket *netlink = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	/* A seq of 0 would switch libmnl's check of it off. */
	uint32_t seq = (uint32_t)time(NULL) | 1;
	int err = 0;

	if (!netlink)
		return -errno;
	if (mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID))
		err = -errno;
	for (unsigned long i = 0; !err && i < repeat; i++) {
		uint64_t count = 0;

		err = dump(netlink, seq + 2 * (uint32_t)i, states, &count);
		if (!err)
			printf("%llu\n", (unsigned long long)count);
	}
	mnl_socket_close(netlink);
	return err;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
	    {"repeat", required_argument, NULL, 'r'},
	    {"states", required_argument, NULL, 's'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	unsigned long repeat = 1;
	unsigned long states = ALL_STATES;
	int option;
	int err = 0;

	while (!err && (option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 'r') {
			err = parse_number("repeat", optarg, MAX_REPEAT, &repeat);
		} else if (option == 's') {
			err = parse_number("states", optarg, ALL_STATES, &states);
		} else if (option == 'h') {
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		} else {
			err = -EINVAL;
		}
	}
	if (!err && optind < argc) {
		fputs(usage, stderr);
		err = -EINVAL;
	}
	if (err)
		return 2;
	err = dump_repeatedly(repeat, (uint32_t)states);
	if (err) {
		fprintf(stderr, "ephemera-floor: %s\n", strerror(-err));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
