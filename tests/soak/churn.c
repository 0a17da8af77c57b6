// SPDX-License-Identifier: Apache-2.0
/*
 * ephemera-churn: opens and closes TCP connections over loopback at a given rate, in the
 * current network namespace, so that an exporter has something to walk that does not stand
 * still. One thread is enough: connect() to a loopback listener is done when it returns.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LISTENERS 8
#define ADDRESSES 32		   /* with each listener a destination */
#define FIRST_ADDRESS 0x7f010001UL /* 127.1.0.1 */
#define HELD 499		   /* connections open at any time */
#define TICK_NANOSECONDS 1000000L
#define MAX_RATE 1000000UL
#define MAX_SECONDS 86400UL
#define MAX_DEBT_SECONDS 1.0 /* a stall longer than that is not caught up with */

/*
 * Every so many connections are of a kind, as in "every 11th"; primes, so that every pair of
 * kind and destination comes up. The rest is closed by the client first, which leaves a
 * TIME_WAIT on an ephemeral port.
 */
#define EVERY_HELD 31
#define EVERY_RESET 11
#define EVERY_BOUND 97
#define EVERY_SERVER_FIRST 3
#define EVERY_IPV6 5

struct options {
	unsigned long rate;
	unsigned long seconds;
	unsigned long listen_port;
};

struct pair {
	int client;
	int server;
};

struct churn {
	int listeners[LISTENERS]; /* IPv6 sockets that take IPv4 too, where there is IPv6 */
	struct pair held[HELD];
	size_t next_held;
	unsigned short port;
	bool has_ipv6;
	unsigned long attempts;
	unsigned long made;
	unsigned long failed;
};

static volatile sig_atomic_t told_to_end;

static const char usage[] =
    "Usage: ephemera-churn --rate N --seconds S [--listen-port PORT]\n"
    "\n"
    "Makes N TCP connections a second for S seconds, or until SIGTERM: to 256 destinations;\n"
    "closed by the client first, or by the server, or reset, or held for a while. Prints each\n"
    "second, and at the end, \"made M failed F seconds T\", which are totals.\n"
    "\n"
    "  --listen-port PORT  the first of 8 listeners' ports (default: 11000)\n"
    "  --help              this text\n";

static int complain(const char *what, int error)
{
	fprintf(stderr, "ephemera-churn: %s: %s\n", what, strerror(error));
	return -error;
}

static int parse_number(const char *name, const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;

	const unsigned long value = strtoul(text, &end, 10);

	if (errno || end == text || *end || *text == '-' || value < 1 || value > max) {
		fprintf(stderr, "ephemera-churn: --%s: \"%s\" is no number from 1 to %lu\n", name,
		    text, max);
		return -EINVAL;
	}
	*ret = value;
	return 0;
}

/* Returns 0, 1 if there is nothing to do after --help, or -errno. */
static int parse_options(int argc, char **argv, struct options *ret_options)
{
	static const struct option names[] = {
	    {"rate", required_argument, NULL, 'r'},
	    {"seconds", required_argument, NULL, 's'},
	    {"listen-port", required_argument, NULL, 'p'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	struct options options = {.listen_port = 11000};
	int option;
	int result = 0;

	while (result == 0 && (option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 'r') {
			result = parse_number("rate", optarg, MAX_RATE, &options.rate);
		} else if (option == 's') {
			result = parse_number("seconds", optarg, MAX_SECONDS, &options.seconds);
		} else if (option == 'p') {
			result = parse_number(
			    "listen-port", optarg, UINT16_MAX - LISTENERS, &options.listen_port);
		} else if (option == 'h') {
			fputs(usage, stdout);
			return 1;
		} else {
			return -EINVAL;
		}
	}
	if (result == 0 && (optind < argc || !options.rate || !options.seconds)) {
		fputs(usage, stderr);
		return -EINVAL;
	}
	*ret_options = options;
	return result;
}

static int open_listener(int family, unsigned short port)
{
	const struct sockaddr_in6 address6 = {
	    .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT};
	const struct sockaddr_in address4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	const struct sockaddr *address = family == AF_INET6 ? (const struct sockaddr *)&address6
							    : (const struct sockaddr *)&address4;
	const socklen_t length = family == AF_INET6 ? sizeof(address6) : sizeof(address4);
	const int off = 0;
	const int on = 1;
	const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, address, length) != 0 || listen(fd, SOMAXCONN) != 0) {
		const int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static int open_listeners(struct churn *churn)
{
	churn->has_ipv6 = true;
	for (unsigned i = 0; i < LISTENERS; i++) {
		const unsigned short port = (unsigned short)(churn->port + i);
		int fd = churn->has_ipv6 ? open_listener(AF_INET6, port) : -EAFNOSUPPORT;

		if (i == 0 && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL))
			churn->has_ipv6 = false;
		if (!churn->has_ipv6)
			fd = open_listener(AF_INET, port);
		if (fd < 0)
			return complain("a listener", -fd);
		churn->listeners[i] = fd;
	}
	return 0;
}

/* Returns the client's socket, connected, or -errno. */
static int connect_to(const struct churn *churn, unsigned long number, unsigned listener)
{
	const bool ipv6 = churn->has_ipv6 && number % EVERY_IPV6 == 0;
	const unsigned short port = (unsigned short)(churn->port + listener);
	const struct sockaddr_in6 address6 = {
	    .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	const struct sockaddr_in address4 = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl((in_addr_t)(FIRST_ADDRESS + number / LISTENERS % ADDRESSES))};
	const struct sockaddr_in any = {.sin_family = AF_INET};
	const int on = 1;
	const int fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result = 0;

	if (fd < 0)
		return -errno;
	if (!ipv6 && number % EVERY_BOUND == 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		result = bind(fd, (const struct sockaddr *)&any, sizeof(any));
	}
	if (result == 0)
		result = ipv6 ? connect(fd, (const struct sockaddr *)&address6, sizeof(address6))
			      : connect(fd, (const struct sockaddr *)&address4, sizeof(address4));
	if (result != 0) {
		const int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static void reset(int fd)
{
	const struct linger linger = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

static void close_pair(struct pair pair, bool server_first)
{
	close(server_first ? pair.server : pair.client);
	close(server_first ? pair.client : pair.server);
}

/* Keeps it, and closes the one that has been kept longest. */
static void hold(struct churn *churn, struct pair pair)
{
	struct pair *place = &churn->held[churn->next_held++ % HELD];

	if (place->client >= 0)
		close_pair(*place, false);
	*place = pair;
}

static void dispose(struct churn *churn, unsigned long number, struct pair pair)
{
	static const char data[] = "something to send";

	if (number % EVERY_HELD == 0) {
		hold(churn, pair);
	} else if (number % EVERY_RESET == 0) {
		/* Unread data in the server's buffer makes its close() a reset too. */
		(void)!write(pair.client, data, sizeof(data));
		reset(pair.client);
		close(pair.server);
	} else {
		close_pair(pair, number % EVERY_SERVER_FIRST == 0);
	}
}

static void make_one(struct churn *churn)
{
	const unsigned long number = churn->attempts++;
	const unsigned listener = (unsigned)(number % LISTENERS);
	struct pair pair = {.client = connect_to(churn, number, listener)};

	if (pair.client < 0) {
		churn->failed++;
		return;
	}
	pair.server = accept4(churn->listeners[listener], NULL, NULL, SOCK_CLOEXEC);
	if (pair.server < 0) {
		churn->failed++;
		close(pair.client);
		return;
	}
	dispose(churn, number, pair);
	churn->made++;
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void tell(const struct churn *churn, double seconds)
{
	printf("made %lu failed %lu seconds %.3f\n", churn->made, churn->failed, seconds);
	fflush(stdout);
}

static void run(struct churn *churn, const struct options *options)
{
	const struct timespec tick = {0, TICK_NANOSECONDS};
	const double rate = (double)options->rate;
	struct timespec start;
	double seconds = 0;
	double told = 0;
	double forgiven = 0; /* attempts that a stall cost */

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (!told_to_end && seconds < (double)options->seconds) {
		const double debt = seconds * rate - forgiven - (double)churn->attempts;

		if (debt > MAX_DEBT_SECONDS * rate)
			forgiven += debt - MAX_DEBT_SECONDS * rate;
		if (debt < 1)
			nanosleep(&tick, NULL);
		else
			make_one(churn);
		seconds = seconds_since(&start);
		if (seconds - told >= 1) {
			tell(churn, seconds);
			told = seconds;
		}
	}
	tell(churn, seconds);
}

static void end(int number)
{
	(void)number;
	told_to_end = 1;
}

int main(int argc, char **argv)
{
	struct options options;
	const struct sigaction action = {.sa_handler = end};
	static struct churn churn;
	int result = parse_options(argc, argv, &options);

	if (result != 0)
		return result < 0 ? 2 : 0;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < HELD; i++)
		churn.held[i].client = -1;
	churn.port = (unsigned short)options.listen_port;
	result = open_listeners(&churn);
	if (result < 0)
		return 1;
	run(&churn, &options);
	return 0;
}
