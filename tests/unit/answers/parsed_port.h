/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_PARSED_PORT_H
#define EPHEMERA_UNIT_PARSED_PORT_H

/* The JSON of a host's ports. */

#include <cjson/cJSON.h>

#include "port_host.h"

int tear_down(void **state);

/* The text of an answer; the caller frees it. */
char *print(const struct port_answer *answer, size_t limit);
/* What the text says, read back by another parser than what wrote it. Valid until the next one. */
const cJSON *parse(const struct port_answer *answer, size_t limit);
/* One socket on its local port, parsed. */
const cJSON *parse_socket(struct port_socket *found);

/* Fails the test if there is none. */
const cJSON *member(const cJSON *object, const char *key);
void assert_member(const cJSON *object, const char *key, const char *wanted);
void assert_no_member(const cJSON *object, const char *key);

/* From 192.0.2.1:50001 to 198.51.100.7:443, of user 1000. */
struct port_socket connection(void);

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
