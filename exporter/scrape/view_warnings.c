// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/view_warnings.h"

#include "collectors/node_view.h"
#include "exporter/base/log.h"

static const struct {
	enum log_level level;
	const char *message;
	const char *flag;
} warnings[NODE_VIEW_PARTS] = {
    [NODE_VIEW_NETWORK] = {LOG_LEVEL_WARN,
	"Not in the host's network namespace: samples without the label netns are not the node's",
	"--namespaces"},
    [NODE_VIEW_CGROUPS] = {LOG_LEVEL_WARN,
	"This is not the host's whole tree of cgroups: pods outside of it have no names",
	"--path.sysfs"},
    [NODE_VIEW_PODS] = {LOG_LEVEL_WARN, "Cannot read the names of pods", "--path.pods"},
    /* Few hosts name them, and their numbers tell them apart. */
    [NODE_VIEW_NAMES] = {LOG_LEVEL_INFO,
	"Network namespaces have numbers only: cannot read their names", "--path.netns"},
};

void view_warnings_log(unsigned parts, const char *sysfs, const char *pods, const char *names)
{
	const char *const values[NODE_VIEW_PARTS] = {"all", sysfs, pods, names};

	for (enum node_view_part part = 0; part < NODE_VIEW_PARTS; part++)
		if (!(parts & 1u << part))
			log_line(warnings[part].level, warnings[part].message, "flag",
			    warnings[part].flag, "value", values[part], NULL);
}
