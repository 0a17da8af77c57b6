/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_VIEW_WARNINGS_H
#define EPHEMERA_VIEW_WARNINGS_H

/* What is wrong with the view of a node, one line in the log each: parts as of node_view_of(). */
void view_warnings_log(unsigned parts, const char *sysfs, const char *pods, const char *names);

#endif
