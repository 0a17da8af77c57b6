// SPDX-License-Identifier: Apache-2.0
/*
 * `ephemera healthcheck`, for images without a shell and curl: checks that a daemon answers at each
 * address that it listens on, over TLS if the daemon has it. It verifies no certificate and sends
 * no password: a refusal is an answer too. If the host has no ephemeral port left, it connects from
 * a port outside the range: a full range must not look like a dead daemon.
 */
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/outside_port.h"
#include "collectors/kernel/settings.h"
#include "exporter/access/tls.h"
#include "exporter/base/number.h"
#include "exporter/base/terminal.h"
#include "exporter/base/text.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/option_value.h"
#include "exporter/commands/process_addresses.h"

/* For each step: connecting, sending, and each part of the answer. */
#define TIMEOUT_SECONDS 5

/* Attempts from ports outside the range: some may still be in TIME_WAIT. */
#define OUTSIDE_TRIES 16

/* "HTTP/1.1 200" */
#define STATUS_AT 9
#define STATUS_END 12

static const char ask_healthy[] = "GET /-/healthy HTTP/1.0\r\nHost: localhost\r\n\r\n";
static const char ask_ready[] = "GET /-/ready HTTP/1.0\r\nHost: localhost\r\n\r\n";

static int open_socket(int family)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
	const int fd = socket(family, (int)SOCK_STREAM | (int)SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* SO_SNDTIMEO also limits connect(). */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0) {
		const int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

/* Closes fd if it fails. */
static int connect_socket(int fd, const void *address, socklen_t size)
{
	if (connect(fd, address, size) < 0) {
		/* connect() returns this for a timeout. */
		const int error = errno == EINPROGRESS ? ETIMEDOUT : errno;

		close(fd);
		return -error;
	}
	return fd;
}

static int connect_one(int family, const void *address, socklen_t size)
{
	const int fd = open_socket(family);

	return fd < 0 ? fd : connect_socket(fd, address, size);
}

static int lowest_port(const struct settings *settings)
{
	const int first = settings->unprivileged_first_port;

	return first == SETTING_ABSENT ? OUTSIDE_PORT_UNPRIVILEGED : first;
}

/* For a host that has no ephemeral port left, which is not the daemon's fault. */
static int connect_from_outside(const struct addrinfo *to)
{
	struct settings *settings cleanup_free = malloc(sizeof(*settings));
	int result = -EADDRNOTAVAIL;
	int port = PORTS;

	/* The settings of this network namespace, whatever procfs the daemon reads. */
	if (!settings || settings_read("/proc", settings, NULL) < 0)
		return result;
	for (int i = 0; i < OUTSIDE_TRIES && result == -EADDRNOTAVAIL; i++) {
		const int fd = open_socket(to->ai_family);

		if (fd < 0)
			return fd;
		port = outside_port_bind(fd, (sa_family_t)to->ai_family, settings->range,
		    (unsigned)lowest_port(settings), (unsigned)port);
		if (port < 0) {
			close(fd);
			break;
		}
		result = connect_socket(fd, to->ai_addr, to->ai_addrlen);
	}
	return result;
}

static int connect_found(const struct addrinfo *to)
{
	const int fd = connect_one(to->ai_family, to->ai_addr, to->ai_addrlen);

	return fd == -EADDRNOTAVAIL ? connect_from_outside(to) : fd;
}

static int connect_tcp(const struct listen_address *address)
{
	const struct addrinfo hints = {
	    .ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICSERV,
	};
	struct addrinfo *found = NULL;
	char port[8];
	int fd = -EADDRNOTAVAIL;

	snprintf(port, sizeof(port), "%u", address->port);
	/* No host: the loopback addresses. The kernel also reads 0.0.0.0 and :: as those. */
	if (getaddrinfo(address->host[0] ? address->host : NULL, port, &hints, &found) != 0)
		return -EADDRNOTAVAIL;
	for (const struct addrinfo *i = found; i && fd < 0; i = i->ai_next)
		fd = connect_found(i);
	freeaddrinfo(found);
	return fd;
}

static int connect_to(const struct listen_address *address)
{
	struct sockaddr_un path = {.sun_family = AF_UNIX};

	if (address->kind == LISTEN_TCP)
		return connect_tcp(address);
	memcpy(path.sun_path, address->path, sizeof(path.sun_path));
	return connect_one(AF_UNIX, &path, sizeof(path));
}

/* Returns the length of the beginning of the answer, which may be 0, or -errno. */
static int ask_in_plain(int fd, const char *request, char *answer, size_t size)
{
	size_t length = 0;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		return -errno;
	while (length < size) {
		const ssize_t more = recv(fd, answer + length, size - length, 0);

		if (more < 0 && length == 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (more <= 0)
			break;
		length += (size_t)more;
	}
	return (int)length;
}

/* The status of an answer; 0 if it is not HTTP. */
static int status_of(const char *answer, int length)
{
	char digits[STATUS_END - STATUS_AT + 1] = "";
	unsigned long status = 0;

	if (length < STATUS_END || strncmp(answer, "HTTP/1.", strlen("HTTP/1.")) != 0)
		return 0;
	memcpy(digits, answer + STATUS_AT, STATUS_END - STATUS_AT);
	(void)number_read(digits, 999, &status);
	return (int)status;
}

/* Returns the status, 0 if the answer is not HTTP, or -errno. */
static int ask(
    const struct listen_address *address, const char *request, bool tls, bool *ret_refused)
{
	char answer[STATUS_END];
	const int fd = connect_to(address);

	*ret_refused = false;
	if (fd < 0)
		return fd;

	const int length =
	    tls ? tls_ask(fd, request, strlen(request), answer, sizeof(answer), ret_refused)
		: ask_in_plain(fd, request, answer, sizeof(answer));

	close(fd);
	return length < 0 ? length : status_of(answer, length);
}

static void print_answer(const char *name, int status, bool tls)
{
	if (status)
		printf("%s answers: %d%s\n", name, status, tls ? ", over TLS" : "");
	else
		printf("%s answers: it requires a client certificate\n", name);
}

static int check(const struct listen_address *address, const char *name, const char *request)
{
	bool refused;
	bool tls = false;
	int status = ask(address, request, false, &refused);

	/* A server that speaks TLS hangs up on plain HTTP. */
	if (status == 0 || status == -ECONNRESET) {
		tls = true;
		status = ask(address, request, true, &refused);
	}
	if (refused || (status >= 200 && status < 500)) {
		print_answer(name, status > 0 ? status : 0, tls);
		return 0;
	}
	if (status < 0)
		fprintf(stderr, "ephemera healthcheck: %s: %s\n", name, strerrordesc_np(-status));
	else if (status == 0)
		fprintf(stderr, "ephemera healthcheck: %s: the answer is not HTTP\n", name);
	else
		fprintf(stderr, "ephemera healthcheck: %s: status %d\n", name, status);
	return status < 0 ? status : -EPROTO;
}

static int healthcheck(const struct listen_address *addresses, size_t length, bool ready)
{
	int result = 0;

	for (size_t i = 0; i < length; i++) {
		char name[LISTEN_ADDRESS_TEXT];
		const struct listen_address *address = &addresses[i];

		listen_address_format(address, name);
		text_make_printable(name);

		const int one = check(address, name, ready ? ask_ready : ask_healthy);

		if (one < 0)
			result = one;
	}

	const int flushed = terminal_flush();

	return result < 0 ? result : flushed;
}

static int run_healthcheck(struct options *options)
{
	struct serve_options serve = options->serve;

	if (options->process)
		process_addresses(
		    options->procfs, options->process, serve.addresses, &serve.addresses_length);
	return healthcheck(serve.addresses, serve.addresses_length, options->ready) < 0
		   ? EXIT_FAILED
		   : EXIT_DONE;
}

static int check_flags(const struct options *options, char error[static OPTIONS_ERROR_SIZE])
{
	if (options->serve.systemd_socket)
		return option_fail(error,
		    "healthcheck: --web.systemd-socket does not name an address: use "
		    "--web.listen-address instead");
	return 0;
}

static const struct command_example examples[] = {
    {"Check the exporter of a container, in it", "ephemera healthcheck --process=1"},
    {NULL, NULL},
};

const struct command healthcheck_command = {
    .name = "healthcheck",
    .help = "check that the exporter at --web.listen-address answers",
    .examples = examples,
    .takes_flags = true,
    .check = check_flags,
    .run = run_healthcheck,
};
