// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/rights.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The first user namespace has always this inode: PROC_USER_INIT_INO of linux/proc_ns.h. */
#define FIRST_USER_NAMESPACE 0xEFFFFFFDu

void rights_read(struct rights *ret_rights)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
	struct stat about;

	*ret_rights = (struct rights){.is_root = geteuid() == 0, .is_on_host = true, .has = ~0ull};
	if (stat("/proc/self/ns/user", &about) == 0)
		ret_rights->is_on_host = about.st_ino == FIRST_USER_NAMESPACE;
	if (syscall(SYS_capget, &header, data) == 0)
		ret_rights->has = (uint64_t)data[1].effective << 32 | data[0].effective;
}

static void add_names(uint64_t wanted, char text[static RIGHTS_TEXT_SIZE])
{
	static const struct {
		uint64_t right;
		const char *name;
	} all[] = {
	    {RIGHT_BPF, "CAP_BPF"},
	    {RIGHT_PERFMON, "CAP_PERFMON"},
	    {RIGHT_SYS_ADMIN, "CAP_SYS_ADMIN"},
	    {RIGHT_SYS_PTRACE, "CAP_SYS_PTRACE"},
	};
	bool first = true;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const size_t length = strlen(text);

		if (!(all[i].right & wanted))
			continue;
		snprintf(text + length, RIGHTS_TEXT_SIZE - length, "%s%s", first ? "" : " and ",
		    all[i].name);
		first = false;
	}
}

static void add(const char *words, char text[static RIGHTS_TEXT_SIZE])
{
	const size_t length = strlen(text);

	snprintf(text + length, RIGHTS_TEXT_SIZE - length, "%s", words);
}

void rights_explain(
    const struct rights *rights, uint64_t wanted, char text[static RIGHTS_TEXT_SIZE])
{
	const uint64_t missing = wanted & ~rights->has;

	text[0] = '\0';
	if (rights->is_root && !rights->is_on_host) {
		add("root here is root of a user namespace alone; run it as root of the host",
		    text);
	} else if (rights->is_root && missing) {
		add("root here lacks ", text);
		add_names(missing, text);
	} else if (!missing) {
		add("this process may do it, but something else refuses, such as a seccomp filter "
		    "or a "
		    "security module",
		    text);
	} else {
		if (missing != wanted) {
			add_names(missing, text);
			add(" is missing; ", text);
		}
		add("run it as root", text);
	}
}
