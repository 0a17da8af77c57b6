// SPDX-License-Identifier: Apache-2.0
/*
 * ephemera-hold: holds many TCP connections open in the current network namespace,
 * both ends of each, so that a benchmark has something to count.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 4000000UL
#define MAX_WORKERS 2000UL
/* What a worker holds at most, whatever RLIMIT_NOFILE allows; and if nobody chose. */
#define MAX_PER_WORKER 9500UL
#define USUAL_PER_WORKER 9000UL
/* stdin, stdout, stderr, the pipe, the listener, and some to spare. */
#define OTHER_FILES 16UL
#define FIRST_SPREAD_ADDRESS 0x7f010000UL /* 127.1.0.0 */
#define SETUP_SECONDS 300

enum mode { MODE_DESTINATION, MODE_SPREAD };

struct options {
	unsigned long connections;
	unsigned long workers;
	unsigned long listen_port;
	enum mode mode;
};

static const char usage[] =
    "Usage: ephemera-hold --connections N [--workers W] [--mode destination|spread]\n"
    "                     [--listen-port PORT]\n"
    "\n"
    "Holds N TCP connections (two sockets each) open over loopback in the current\n"
    "network namespace. Prints \"destinations D\" at once and \"ready N\" when all are open,\n"
    "and holds them until standard input closes or SIGTERM arrives.\n"
    "\n"
    "  --connections N     how many connections, up to 4000000\n"
    "  --workers W         processes that share them; each holds at most 9500, fewer\n"
    "                      where RLIMIT_NOFILE is below 19016 (default: one per 9000)\n"
    "  --mode destination  each worker's connections go to one destination (default)\n"
    "  --mode spread       each connection goes to a destination address of its own\n"
    "  --listen-port PORT  the first worker's listener; the others' follow it. None may\n"
    "                      lie in ip_local_port_range (default: 11000)\n"
    "  --help              this text\n";

static int complain(const char *what, int err)
{
	fprintf(stderr, "ephemera-hold: %s: %s\n", what, strerror(err));
	return -err;
}

static int parse_number(const char *name, const char *text, unsigned long max, unsigned long *ret)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value < 1 || value > max) {
		fprintf(stderr, "ephemera-hold: --%s must be a number from 1 to %lu, not \"%s\"\n",
		    name, max, text);
		return -EINVAL;
	}
	*ret = value;
	return 0;
}

/* Returns 0, 1 if there is nothing to do after --help, or -errno. */
static int parse_options(int argc, char **argv, struct options *ret)
{
	static const struct option names[] = {
	    {"connections", required_argument, NULL, 'c'},
	    {"workers", required_argument, NULL, 'w'},
	    {"mode", required_argument, NULL, 'm'},
	    {"listen-port", required_argument, NULL, 'p'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	struct options options = {.listen_port = 11000, .mode = MODE_DESTINATION};
	int option;
	int err = 0;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 'c') {
			err = parse_number(
			    "connections", optarg, MAX_CONNECTIONS, &options.connections);
		} else if (option == 'w') {
			err = parse_number("workers", optarg, MAX_WORKERS, &options.workers);
		} else if (option == 'p') {
			err = parse_number("listen-port", optarg, UINT16_MAX, &options.listen_port);
		} else if (option == 'm' && !strcmp(optarg, "spread")) {
			options.mode = MODE_SPREAD;
		} else if (option == 'm' && !strcmp(optarg, "destination")) {
			options.mode = MODE_DESTINATION;
		} else if (option == 'h') {
			fputs(usage, stdout);
			return 1;
		} else {
			if (option == 'm')
				fprintf(stderr, "ephemera-hold: no such --mode: \"%s\"\n", optarg);
			return -EINVAL;
		}
		if (err)
			return err;
	}
	if (optind < argc || !options.connections) {
		fputs(usage, stderr);
		return -EINVAL;
	}
	*ret = options;
	return 0;
}

/* Raises RLIMIT_NOFILE as far as it goes and returns what a worker can then hold. */
static unsigned long connections_per_worker(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	if (limit.rlim_cur > 2 * MAX_PER_WORKER + OTHER_FILES)
		return MAX_PER_WORKER;
	if (limit.rlim_cur < 2 + OTHER_FILES)
		return 0;
	return (limit.rlim_cur - OTHER_FILES) / 2;
}

static int read_range(unsigned long *ret_first, unsigned long *ret_last)
{
	static const char path[] = "/proc/sys/net/ipv4/ip_local_port_range";
	FILE *file = fopen(path, "re");
	int fields;

	if (!file)
		return complain(path, errno);
	fields = fscanf(file, "%lu %lu", ret_first, ret_last);
	fclose(file);
	return fields == 2 ? 0 : complain(path, EPROTO);
}

/* Says no before the first fork where the request cannot be met. */
static int plan(struct options *options)
{
	unsigned long per_worker = connections_per_worker();
	unsigned long usual = per_worker < USUAL_PER_WORKER ? per_worker : USUAL_PER_WORKER;
	unsigned long first, last, share, last_listener;
	int err;

	if (!per_worker)
		return complain("RLIMIT_NOFILE", EMFILE);
	if (!options->workers)
		options->workers = (options->connections + usual - 1) / usual;
	if (options->workers > options->connections)
		options->workers = options->connections;
	share = (options->connections + options->workers - 1) / options->workers;
	if (share > per_worker) {
		fprintf(stderr, "ephemera-hold: %lu connections a worker, at most %lu fit\n", share,
		    per_worker);
		return -EMFILE;
	}
	err = read_range(&first, &last);
	if (err)
		return err;
	last_listener = options->listen_port + options->workers - 1;
	if (last_listener > UINT16_MAX) {
		fprintf(stderr, "ephemera-hold: no port %lu for a listener\n", last_listener);
		return -ERANGE;
	}
	if (options->listen_port <= last && last_listener >= first) {
		fprintf(stderr, "ephemera-hold: listeners on %lu-%lu, but %lu-%lu are ephemeral\n",
		    options->listen_port, last_listener, first, last);
		return -ERANGE;
	}
	if (options->mode == MODE_DESTINATION && share > last - first + 1) {
		fprintf(stderr, "ephemera-hold: %lu connections a destination, but %lu ports\n",
		    share, last - first + 1);
		return -ERANGE;
	}
	return 0;
}

static int open_listener(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return complain("socket", errno);
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) || listen(fd, 128)) {
		fprintf(stderr, "ephemera-hold: listening on port %u: %s\n",
		    (unsigned int)ntohs(address->sin_port), strerror(errno));
		return -errno;
	}
	return fd;
}

/* Leaves the two ends of one connection open; only the end of the process closes them. */
static int open_connection(int listener, const struct sockaddr_in *destination)
{
	/* With a RST at the end, 450,000 connections leave no TIME_WAIT to the next run. */
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};
	char text[INET_ADDRSTRLEN];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return complain("socket", errno);
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
		return complain("SO_LINGER", errno);
	if (connect(fd, (const struct sockaddr *)destination, sizeof(*destination))) {
		int err = errno;

		inet_ntop(AF_INET, &destination->sin_addr, text, sizeof(text));
		fprintf(stderr, "ephemera-hold: connecting to %s:%u: %s\n", text,
		    (unsigned int)ntohs(destination->sin_port), strerror(err));
		return -err;
	}
	if (accept4(listener, NULL, NULL, SOCK_CLOEXEC) < 0)
		return complain("accept", errno);
	return 0;
}

/* Opens connections first to first + count - 1 of all, reports them to ready, and holds them. */
static int work(const struct options *options, unsigned long worker, int ready)
{
	unsigned long share = options->connections / options->workers;
	unsigned long more = options->connections % options->workers;
	unsigned long first = worker * share + (worker < more ? worker : more);
	unsigned long count = share + (worker < more);
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)(options->listen_port + worker)),
	    .sin_addr.s_addr = htonl(options->mode == MODE_SPREAD ? INADDR_ANY : INADDR_LOOPBACK),
	};
	int listener = open_listener(&address);
	int err;

	if (listener < 0)
		return listener;
	for (unsigned long i = 0; i < count; i++) {
		if (options->mode == MODE_SPREAD)
			address.sin_addr.s_addr =
			    htonl((uint32_t)(FIRST_SPREAD_ADDRESS + first + i));
		err = open_connection(listener, &address);
		if (err)
			return err;
	}
	if (write(ready, "", 1) != 1)
		return complain("pipe", errno);
	for (;;)
		pause();
}

/* Returns in the parent only. */
static pid_t start_worker(
    const struct options *options, unsigned long worker, int ready, const sigset_t *mask)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid)
		return pid;
	/* A parent that died before the prctl() would never be noticed. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(EXIT_FAILURE);
	sigprocmask(SIG_SETMASK, mask, NULL);
	work(options, worker, ready);
	_exit(EXIT_FAILURE);
}

static int64_t monotonic_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Counts workers that are ready, says so, and waits for the end: 0 if it was asked for. */
static int watch(const struct options *options, int ready, int signals)
{
	struct pollfd polls[] = {
	    {.fd = STDIN_FILENO, .events = POLLIN},
	    {.fd = signals, .events = POLLIN},
	    {.fd = ready, .events = POLLIN},
	};
	int64_t deadline = monotonic_seconds() + SETUP_SECONDS;
	unsigned long count = 0;
	char bytes[512];

	for (;;) {
		bool all = count == options->workers;
		struct signalfd_siginfo info;
		ssize_t length;

		if (!all && monotonic_seconds() >= deadline)
			return complain("opening the connections", ETIMEDOUT);
		if (poll(polls, all ? 2 : 3, all ? -1 : 1000) < 0)
			return complain("poll", errno);
		if (polls[1].revents & POLLIN) {
			if (read(signals, &info, sizeof(info)) != sizeof(info))
				return complain("signalfd", errno);
			if (info.ssi_signo != SIGCHLD)
				return 0;
			/* A worker that gave up has said why. */
			if (info.ssi_code != CLD_EXITED)
				fprintf(stderr, "ephemera-hold: a worker ended by signal %d\n",
				    info.ssi_status);
			return -ECHILD;
		}
		if (polls[0].revents) {
			length = read(STDIN_FILENO, bytes, sizeof(bytes));
			if (length <= 0)
				return 0;
		}
		if (!all && polls[2].revents & POLLIN) {
			length = read(ready, bytes, sizeof(bytes));
			count += length > 0 ? (unsigned long)length : 0;
			if (count == options->workers) {
				printf("ready %lu\n", options->connections);
				fflush(stdout);
			}
		}
	}
}

static int hold(const struct options *options)
{
	pid_t *pids = calloc(options->workers, sizeof(*pids));
	unsigned long started = 0;
	int ready[2] = {-1, -1};
	sigset_t mask, old_mask;
	int signals;
	int err = 0;

	if (!pids)
		return complain("workers", ENOMEM);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, &old_mask);
	signals = signalfd(-1, &mask, SFD_CLOEXEC);
	if (signals < 0 || pipe2(ready, O_CLOEXEC))
		err = complain("signalfd or pipe", errno);

	while (!err && started < options->workers) {
		pids[started] = start_worker(options, started, ready[1], &old_mask);
		if (pids[started] < 0)
			err = complain("fork", errno);
		else
			started++;
	}
	if (!err)
		err = watch(options, ready[0], signals);

	for (unsigned long i = 0; i < started; i++)
		kill(pids[i], SIGKILL);
	for (unsigned long i = 0; i < started; i++)
		waitpid(pids[i], NULL, 0);
	free(pids);
	return err;
}

int main(int argc, char **argv)
{
	struct options options;
	int err = parse_options(argc, argv, &options);

	if (err)
		return err > 0 ? EXIT_SUCCESS : 2;
	if (plan(&options))
		return EXIT_FAILURE;
	printf("destinations %lu\n",
	    options.mode == MODE_SPREAD ? options.connections : options.workers);
	/* What stayed in the buffer, every worker would inherit. */
	fflush(stdout);
	return hold(&options) ? EXIT_FAILURE : EXIT_SUCCESS;
}
