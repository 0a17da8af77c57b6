// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/routes.h"

#include <stdlib.h>
#include <string.h>

#include "collectors/views/views.h"
#include "exporter/web/endpoints.h"
#include "unit.h"

#define RANGE_COLLECTOR ((collector_set)1)

static struct site site;
static struct http_request request;

/* A query: names and values in turn. */
static const char *const *query;

static void each_parameter(
    void *source, void (*each)(void *context, const char *key, const char *value), void *context)
{
	assert_ptr_equal(source, &query);
	for (size_t i = 0; query && query[i]; i += 2)
		each(context, query[i], query[i + 1]);
}

static int set_up(void **state)
{
	(void)state;
	site = (struct site){
	    .telemetry_path = "/metrics", .enabled = RANGE_COLLECTOR, .api = true, .first_view = 9};
	request =
	    (struct http_request){.method = "GET", .parameters = each_parameter, .source = &query};
	query = NULL;
	return 0;
}

/* What the path leads to; with a target of its own where that is not the path. */
static struct route find_target(const char *path, const char *target)
{
	request.path = path;
	request.target = target;
	return route_find(&site, &request);
}

static struct route find(const char *path)
{
	return find_target(path, path);
}

static void assert_error(struct route route, unsigned status, bool json, const char *words)
{
	char body[600];

	assert_null(route.endpoint);
	assert_int_equal(route.answer.status, status);
	assert_non_null(route.answer.body);
	assert_in_range(route.answer.length, 1, sizeof(body) - 1);
	memcpy(body, route.answer.body, route.answer.length);
	body[route.answer.length] = '\0';
	if (!strstr(body, words))
		fail_msg("%s does not say %s", body, words);
	assert_string_equal(
	    route.answer.type, json ? "application/json" : "text/plain; charset=utf-8");
	assert_int_equal(body[0] == '{', json);
	answer_release(&route.answer);
}

static void assert_endpoint(struct route route, const char *path)
{
	assert_non_null(route.endpoint);
	if (strcmp(path, "/metrics") == 0)
		assert_ptr_equal(route.endpoint, &metrics_endpoint);
	else
		assert_string_equal(route.endpoint->path, path);
}

static collector_set view(enum view which)
{
	return (collector_set)1 << (9 + which);
}

static void paths_lead_to_what_they_name(void **state)
{
	static const struct {
		const char *path;
		const char *endpoint; /* NULL: the metrics' */
		enum endpoint_need need;
	} paths[] = {
	    {"/metrics", NULL, NEED_WALK},
	    {"/-/ready", "/-/ready", NEED_NOTHING},
	    {"/-/healthy", "/-/healthy", NEED_NOTHING},
	    {"/", "/", NEED_NOTHING},
	    {"/pages/map.js", "/pages/", NEED_NOTHING},
	    {"/api/v1/ports", "/api/v1/ports", NEED_WALK},
	    {"/api/v1/ports/1", "/api/v1/ports/", NEED_LOOKUP},
	    {"/api/v1/destinations", "/api/v1/destinations", NEED_WALK},
	    {"/api/v1/range", "/api/v1/range", NEED_WALK},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(paths); i++) {
		const struct route route = find(paths[i].path);

		assert_non_null(route.endpoint);
		assert_int_equal(route.endpoint->need, paths[i].need);
		if (paths[i].endpoint)
			assert_string_equal(route.endpoint->path, paths[i].endpoint);
		else
			assert_ptr_equal(route.endpoint, &metrics_endpoint);
		assert_int_equal(route.json, strncmp(paths[i].path, "/api/", 5) == 0);
	}
}

static struct answer rendered(const char *path)
{
	const struct route route = find(path);

	assert_non_null(route.endpoint);
	assert_int_equal(route.endpoint->need, NEED_NOTHING);
	return route.endpoint->render(&site, &route, NULL);
}

static void what_takes_no_work_is_rendered_at_once(void **state)
{
	static const char *const paths[] = {"/-/healthy", "/pages/map.js"};

	(void)state;
	for (size_t i = 0; i < LENGTH(paths); i++) {
		assert_int_equal(rendered(paths[i]).status, 200);
		assert_true(rendered(paths[i]).is_static);
	}
	assert_string_equal(rendered("/-/healthy").body, "Healthy.\n");
}

static void the_page_says_what_is_open(void **state)
{
	(void)state;
	site.listening = "<here>";
	request.openness.has_password = true;
	request.openness.password = true;

	struct answer answer = rendered("/");
	char *page = strndup(answer.body, answer.length);

	assert_non_null(strstr(page, "It listens on &lt;here>. It asks for a password."));
	assert_null(strstr(page, "@OPEN@"));
	assert_true(answer.no_store && !answer.is_static);
	free(page);
	answer_release(&answer);
}

/* A name of anybody's may resolve to a loopback address: DNS rebinding. */
static void the_api_knows_how_this_host_is_called(void **state)
{
	static const char *const ours[] = {"localhost", "LOCALHOST:10059", "127.0.0.1",
	    "127.0.0.1:10059", "127.1.2.3", "[::1]", "[::1]:10059", "ip6-localhost:1"};
	static const char *const others[] = {"evil.example", "localhost.evil.example", "localhos",
	    "127.evil.example", "127.0.0.1.evil.example:80", "evil.example:127", "192.0.2.1",
	    "[2001:db8::1]", "[::1].evil.example", "[::1]evil", "", ":", "[", "localhostx",
	    "1270.0.0.1", "[::11]"};

	(void)state;
	request.from_loopback = true;
	for (size_t i = 0; i < LENGTH(ours); i++) {
		request.host = ours[i];
		assert_endpoint(find("/api/v1/ports"), "/api/v1/ports");
	}
	for (size_t i = 0; i < LENGTH(others); i++) {
		request.host = others[i];
		assert_error(find("/api/v1/ports"), 403, true, "the Host header must be localhost");
		assert_error(find("/api/v1/nothing"), 403, true, others[i]);
		/* What is not the API's says nothing of processes. */
		assert_endpoint(find("/metrics"), "/metrics");
	}
	/* Who is elsewhere calls it as he likes, and who speaks HTTP/1.0 need not call it. */
	request.from_loopback = false;
	assert_endpoint(find("/api/v1/ports"), "/api/v1/ports");
	request.from_loopback = true;
	request.host = NULL;
	assert_endpoint(find("/api/v1/ports"), "/api/v1/ports");
}

static void the_page_and_what_it_loads_have_a_policy(void **state)
{
	(void)state;
	assert_non_null(strstr(find("/pages/map.js").answer.policy, "default-src 'none'"));
	assert_string_equal(find("/pages/map.js").answer.type, "text/javascript; charset=utf-8");
	assert_string_equal(find("/pages/map.css").answer.type, "text/css; charset=utf-8");
	/* The template is no page. */
	assert_error(find("/pages/index.html"), 404, false, "/pages/index.html");
	assert_error(find("/pages/"), 404, false, "/pages/");
	assert_error(find("/pages/../map.js"), 404, false, "there is nothing at");
}

static void ports_are_numbers_from_1_to_65535(void **state)
{
	static const char *const wrong[] = {"0", "65536", "abc", "5-3", "8000-8080", "", " 80",
	    "80 ", "+80", "-1", "0x50", "80.0", "99999999999999999999", "\xc3\xa9"};

	(void)state;
	assert_int_equal(find("/api/v1/ports/1").port, 1);
	assert_int_equal(find("/api/v1/ports/65535").port, 65535);
	for (size_t i = 0; i < LENGTH(wrong); i++) {
		char path[64] = "/api/v1/ports/";

		strcat(path, wrong[i]);
		assert_error(
		    find(path), 400, true, "the port must be a number from 1 to 65535, not");
	}
	assert_error(find("/api/v1/ports/../../etc"), 404, true, "there is nothing at");
	assert_error(find("/api/v1/ports/80/"), 404, true, "there is nothing at");
}

static void the_map_and_the_destinations_share_a_walk(void **state)
{
	(void)state;
	assert_int_equal(find("/api/v1/ports").asked,
	    view(VIEW_PORT_MAP) | view(VIEW_DESTINATIONS) | view(VIEW_NAMESPACES) |
		view(VIEW_SUMMARY) | view(VIEW_RANGE));
	assert_int_equal(find("/api/v1/summary").asked, find("/api/v1/ports").asked);
	assert_int_equal(find("/api/v1/destinations").asked, find("/api/v1/ports").asked);
	assert_int_equal(find("/api/v1/history").asked, find("/api/v1/ports").asked);
	/* With the failures that the history notes, where they are counted. */
	site.enabled |= (collector_set)1 << collector_find("exhaustion");
	assert_true(find("/api/v1/history").asked & site.enabled);
	assert_int_equal(find("/api/v1/destinations").asked, find("/api/v1/history").asked);
	assert_int_equal(find("/api/v1/ports").asked, find("/api/v1/history").asked);
	site.enabled = RANGE_COLLECTOR;
	/* The range takes no walk over all sockets, so it asks for none. */
	assert_int_equal(find("/api/v1/range").asked, view(VIEW_RANGE));
	assert_int_equal(find("/metrics").asked, RANGE_COLLECTOR);
}

static void parameters_have_bounds(void **state)
{
	static const char *const wrong[][3] = {{"limit", "0"}, {"limit", "1001"}, {"limit", "abc"},
	    {"limit", ""}, {"limit", NULL}, {"limit", "-1"}, {"limit", "1e2"}, {"limit", "00020"},
	    {"owners", "maybe"}, {"owners", ""}, {"owners", NULL}, {"owners", "TRUE"}};
	const char *const good[] = {"limit", "1000", "owners", "true", "other", "whatever", NULL};
	const char *const none[] = {"owners", "false", "limits", "0", NULL};

	(void)state;
	for (size_t i = 0; i < LENGTH(wrong); i++) {
		query = wrong[i];
		assert_error(find("/api/v1/destinations"), 400, true, wrong[i][0]);
		assert_error(find("/api/v1/ports/80"), 400, true, wrong[i][0]);
	}
	query = good;
	assert_int_equal(find("/api/v1/destinations").limit, 1000);
	assert_true(find("/api/v1/destinations").owners);
	query = none;
	assert_int_equal(find("/api/v1/destinations").limit, 20);
	assert_false(find("/api/v1/destinations").owners);
}

static void without_the_api_it_says_how_to_turn_it_on(void **state)
{
	static const char *const paths[] = {"/api/v1/ports", "/api/v1/ports/80", "/api/", "/api/v2",
	    "/api/v1/ports/abc", "/api/v1/destinations"};

	(void)state;
	site.api = false;
	for (size_t i = 0; i < LENGTH(paths); i++)
		assert_error(find(paths[i]), 404, true, "--web.enable-api");
	assert_error(find("/apix"), 404, false, "/metrics");
	assert_int_equal(find("/pages/map.css").answer.status, 200);
}

static void other_methods_are_refused_where_there_is_something(void **state)
{
	struct route route;

	(void)state;
	request.method = "HEAD";
	assert_endpoint(find("/api/v1/range"), "/api/v1/range");
	request.method = "POST";
	route = find("/api/v1/range");
	assert_string_equal(route.answer.allow, "GET, HEAD");
	assert_error(route, 405, true, "POST");
	assert_error(find("/metrics"), 405, false, "POST");
	assert_error(find("/pages/map.js"), 405, false, "POST");
	assert_error(find("/nothing"), 404, false, "/nothing");
	request.method = "\033[2J";
	assert_error(find("/metrics"), 405, false, "?[2J");
}

static void a_zero_byte_in_the_target_is_refused(void **state)
{
	(void)state;
	assert_error(
	    find_target("/api/v1/ports/80", "/api/v1/ports/80%00"), 400, true, "zero byte");
	assert_error(find_target("/metrics", "/metrics%00x"), 400, false, "zero byte");
	assert_error(find_target("/metrics", "/metrics?a=%00"), 400, false, "zero byte");
}

static void what_is_quoted_is_cut_and_harmless(void **state)
{
	char path[5000] = "/";

	(void)state;
	memset(path + 1, 'x', sizeof(path) - 2);
	path[sizeof(path) - 1] = '\0';
	assert_error(find(path), 404, false, "there is nothing at /xxx");
	assert_error(find("/\033]0;x\007"), 404, false, "/?]0;x?");
	assert_error(find("/api/v1/ports/\033[2J"), 400, true, "?[2J");
}

static void a_timeout_leaves_time_to_answer(void **state)
{
	static const struct {
		const char *header;
		double seconds;
	} timeouts[] = {{NULL, 59.5}, {"10", 9.5}, {"1", 0.9}, {"0.5", 0.45}, {"0", 59.5},
	    {"-1", 59.5}, {"100", 59.5}, {"nan", 59.5}, {"inf", 59.5}, {"1s", 59.5}, {"", 59.5}};

	(void)state;
	for (size_t i = 0; i < LENGTH(timeouts); i++) {
		request.scrape_timeout = timeouts[i].header;
		assert_number(find("/metrics").seconds, timeouts[i].seconds);
	}
}

static void only_the_same_bytes_are_the_same(void **state)
{
	const struct route route = find("/api/v1/destinations");
	struct route other = route;

	(void)state;
	assert_true(route_is_same(&route, &other));
	other.seconds = 1; /* how long it may take changes nothing of it */
	assert_true(route_is_same(&route, &other));
	other.limit = 7;
	assert_false(route_is_same(&route, &other));
	other = route;
	other.owners = true;
	assert_false(route_is_same(&route, &other));
	other = route;
	other.gzip = true;
	assert_false(route_is_same(&route, &other));
	other = route;
	other.asked = 1;
	assert_false(route_is_same(&route, &other));
	other = find("/api/v1/ports");
	assert_int_equal(other.asked, route.asked);
	assert_false(route_is_same(&route, &other));
	other = route;
	other.choice.format = EXPOSITION_OPENMETRICS_1_0_0;
	assert_false(route_is_same(&route, &other));
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(paths_lead_to_what_they_name),
	    TEST(what_takes_no_work_is_rendered_at_once),
	    TEST(the_page_says_what_is_open),
	    TEST(the_api_knows_how_this_host_is_called),
	    TEST(the_page_and_what_it_loads_have_a_policy),
	    TEST(ports_are_numbers_from_1_to_65535),
	    TEST(the_map_and_the_destinations_share_a_walk),
	    TEST(parameters_have_bounds),
	    TEST(without_the_api_it_says_how_to_turn_it_on),
	    TEST(other_methods_are_refused_where_there_is_something),
	    TEST(a_zero_byte_in_the_target_is_refused),
	    TEST(what_is_quoted_is_cut_and_harmless),
	    TEST(a_timeout_leaves_time_to_answer),
	    TEST(only_the_same_bytes_are_the_same),
	};

	return cmocka_run_group_tests_name("routes", tests, NULL, NULL);
}
