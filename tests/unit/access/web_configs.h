/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WEB_CONFIGS_H
#define EPHEMERA_WEB_CONFIGS_H

/* What the tests of the web configuration share. */

#include "exporter/access/web_config.h"
#include "workspace.h"

#define SALT "bMuzfWAirNPLnsuAdgZLV."
#define HASHED "UcjxdgEKhERvd/mtF1BT9U7RGZI5ycW"
#define HASH "$2y$10$" SALT HASHED

/* The beginning of a section, to go on with. */
#define TLS "tls_server_config: {cert: c, key: k, "
#define HEADER "http_server_config:\n  headers:\n    "

#define MEBIBYTE ((size_t)1 << 20)

/* What was read last; config is NULL where it was refused, and to be dropped where not. */
extern struct web_config *config;
extern char error[WEB_CONFIG_ERROR_SIZE];

/* Parses text as web.yml; it lies before memory that may not be read. */
int parse(const char *text, size_t length);
int parse_string(const char *text);
/* Reads conf/web.yml of the workspace. */
int read_config(const struct workspace *workspace);
void drop(void);

/* The line is the whole error. */
void assert_refused(int result, int wanted, const char *line);

#endif
