// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/settings.h"

#include <errno.h>
#include <string.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/procfs.h"

#define RANGE_FILE "sys/net/ipv4/ip_local_port_range"
#define RESERVED_FILE "sys/net/ipv4/ip_local_reserved_ports"

/* Two ports of every three make the longest list: "10000-10001," for each three. */
#define RESERVED_TEXT_LIMIT ((size_t)PORTS / 3 * 12 + 12)

static int read_range(const char *procfs, struct port_range *ret_range)
{
	cleanup_free char *text = NULL;
	size_t length;
	const int result = procfs_read(procfs, RANGE_FILE, 256, &text, &length);

	return result < 0 ? result : port_range_parse(text, length, ret_range);
}

static int read_reserved(const char *procfs, struct portset *ret_reserved)
{
	cleanup_free char *text = NULL;
	size_t length;
	const int result = procfs_read(procfs, RESERVED_FILE, RESERVED_TEXT_LIMIT, &text, &length);

	if (result == -ENOENT) {
		memset(ret_reserved, 0, sizeof(*ret_reserved));
		return 0;
	}
	return result < 0 ? result : portset_parse(text, length, ret_reserved);
}

struct optional {
	const char *file;
	int absent; /* the value of kernels without the file */
	int *value;
};

/* Returns 0; or -errno if it cannot be read only because descriptors or memory ran out. */
static int read_optional(const char *procfs, const struct optional *optional)
{
	int number;
	const int result = procfs_read_number(procfs, optional->file, &number);

	if (result == -EMFILE || result == -ENFILE || result == -ENOMEM)
		return result;
	*optional->value = result < 0 || number < 0 ? optional->absent : number;
	return 0;
}

static int read_all_optional(const char *procfs, struct settings *settings, const char **ret_file)
{
	const struct optional list[] = {
	    {"sys/net/ipv4/ip_unprivileged_port_start", SETTING_ABSENT,
		&settings->unprivileged_first_port},
	    {"sys/net/ipv4/tcp_tw_reuse", SETTING_ABSENT, &settings->time_wait_reuse},
	    /* Before it became a setting, the kernel compared whole seconds: "> 1 s" of age. */
	    {"sys/net/ipv4/tcp_tw_reuse_delay", 1000, &settings->time_wait_reuse_delay_ms},
	    {"sys/net/ipv4/tcp_fin_timeout", SETTING_ABSENT, &settings->fin_timeout_seconds},
	    {"sys/net/ipv6/bindv6only", SETTING_ABSENT, &settings->bind_ipv6_only},
	};
	int result = 0;

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]) && result == 0; i++) {
		*ret_file = list[i].file;
		result = read_optional(procfs, &list[i]);
	}
	return result;
}

int settings_read(const char *procfs, struct settings *ret_settings, const char **ret_file)
{
	struct settings settings = {0};
	const char *file = RANGE_FILE;
	int result = read_range(procfs, &settings.range);

	if (result == 0) {
		file = RESERVED_FILE;
		result = read_reserved(procfs, &settings.reserved);
	}
	if (result == 0)
		result = read_all_optional(procfs, &settings, &file);
	if (result < 0) {
		if (ret_file)
			*ret_file = file;
		return result;
	}
	*ret_settings = settings;
	return 0;
}
