// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "exporter/answers/port_words.h"
#include "exporter/answers/user_name.h"
#include "exporter/base/log.h"
#include "exporter/daemon/privileges.h"
#include "exporter/daemon/sandbox.h"

/* An id that no user has, so that every name service is asked. */
#define UNKNOWN_USER (UINT32_MAX - 1)
#define UNASSIGNED_PORT 65535

/*
 * The API shows names of users. glibc may load libraries for them (/etc/nsswitch.conf), which the
 * sandbox forbids. It loads them with the first name, so ask for one now.
 */
static void load_name_services(void)
{
	char user[USER_NAME_SIZE];
	char service[PORT_SERVICE_SIZE];

	user_name(UNKNOWN_USER, user);
	port_service(UNASSIGNED_PORT, SOCKET_TCP, service);
}

static int drop_privileges(
    const struct serve_options *options, struct privileges_report *ret_report)
{
	const struct privileges_options wanted = {
	    options->user,
	    (options->enable_api ? PRIVILEGES_HOLDERS : 0u) |
		(options->rights & RIGHT_NET_ADMIN ? PRIVILEGES_NET_ADMIN : 0u),
	};
	const int result = privileges_drop(&wanted, ret_report);

	if (result == -ENOENT)
		log_line(LOG_LEVEL_ERROR, "There is no such user", "flag", "--security.user",
		    "value", options->user, NULL);
	else if (result < 0)
		log_line(LOG_LEVEL_ERROR, "Cannot give up privileges", "user", options->user, "err",
		    strerrordesc_np(-result), NULL);
	else if (ret_report->refused)
		log_line(LOG_LEVEL_WARN, "Cannot switch to the user", "flag", "--security.user",
		    "value", options->user, "call", ret_report->refused, "err",
		    strerrordesc_np(-ret_report->error), NULL);
	return result;
}

/* Root could read it; each scrape must read it too. */
static void check_readable(const char *flag, const char *path, const char *user)
{
	if (path && faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0 && errno == EACCES)
		log_line(LOG_LEVEL_WARN, "The user cannot read this path", "flag", flag, "value",
		    path, "user", user, "err", strerrordesc_np(errno), NULL);
}

/* Whether the kernel has no seccomp, or a surrounding sandbox forbids it. */
static bool is_absent(int result)
{
	return result == -ENOSYS || result == -EINVAL || result == -EPERM || result == -EACCES;
}

static int enter_sandbox(const struct sandbox_options *options, bool *ret_is_on)
{
	const int result = sandbox_enter(options);

	*ret_is_on = result == 0;
	if (result == 0)
		return 0;
	if (is_absent(result)) {
		log_line(LOG_LEVEL_WARN, "System calls are not restricted: no seccomp", "err",
		    strerrordesc_np(-result), NULL);
		return 0;
	}
	log_line(
	    LOG_LEVEL_ERROR, "Cannot restrict system calls", "err", strerrordesc_np(-result), NULL);
	return result;
}

int confine(const struct serve_options *options, bool removes_sockets, int datagram_socket)
{
	const struct sandbox_options sandbox = {
	    .removes_sockets = removes_sockets,
	    .walks_by_bpf = options->source.buckets != NULL,
	    .asks_netfilter = options->rights & RIGHT_NET_ADMIN,
	    .datagram_socket = datagram_socket,
	};
	struct privileges_report report;
	bool is_on = false;

	if (options->sandbox_off)
		return 0;

	int result = drop_privileges(options, &report);

	if (result < 0)
		return result;
	check_readable("--path.procfs", options->procfs, report.user);
	check_readable("--path.sysfs", options->sysfs, report.user);
	check_readable("--sockets.replay", options->source.replay, report.user);
	if (options->enable_api)
		load_name_services();
	result = enter_sandbox(&sandbox, &is_on);
	if (result < 0)
		return result;
	log_line(LOG_LEVEL_INFO, "Gave up privileges", "user", report.user, "capabilities",
	    report.kept, "seccomp",
	    !is_on		   ? "off"
	    : sandbox_is_widened() ? "on, also allows what sanitizers need"
				   : "on",
	    report.is_bounded ? NULL : "bounding_set", "not empty, since CAP_SETPCAP is missing",
	    NULL);
	return 0;
}
