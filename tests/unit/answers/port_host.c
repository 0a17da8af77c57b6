// SPDX-License-Identifier: Apache-2.0
#include "port_host.h"

#include <string.h>

#include "exporter/answers/port_words.h"
#include "unit.h"

struct port_lookup lookup;

int set_up(void **state)
{
	(void)state;
	memset(&lookup, 0, sizeof(lookup));
	lookup.settings.range = (struct port_range){50000, 50009};
	lookup.settings.unprivileged_first_port = 1024;
	portset_add(&lookup.settings.reserved, 50004);
	return 0;
}
