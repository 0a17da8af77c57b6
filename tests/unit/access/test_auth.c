// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/auth.h"

#include <crypt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

/* Hashes of "secret" and "other", of cost 4 and 5, made by htpasswd -nbB. */
static char secret[] = "$2y$04$4PqudCToLwLkBMvvruHYGeuvlrnz18Vp.xgjvXuAXXwHm70AMvyrW";
static char other[] = "$2y$05$b.3ij2i5fX0e7WgdoYMYxODFk1z1HRXcvG4AnlgdGj2KekuJUUAjS";

static struct web_config_user users[] = {{(char *)"alice", secret}, {(char *)"bob", other}};
static const struct web_config config = {.users = users, .users_length = 2};

static const struct peer here = {{1}};
static const struct peer there = {{2}};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool held; /* a hash waits until this is false */
	unsigned hashes;
	unsigned of_cost[32];
} crypt_state = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0, {0}};

char *__wrap_crypt_rn(const char *password, const char *hash, void *data, int size);
char *__real_crypt_rn(const char *password, const char *hash, void *data, int size);

char *__wrap_crypt_rn(const char *password, const char *hash, void *data, int size)
{
	pthread_mutex_lock(&crypt_state.lock);
	crypt_state.hashes++;
	crypt_state.of_cost[(hash[4] - '0') * 10 + hash[5] - '0']++;
	pthread_cond_broadcast(&crypt_state.changed);
	while (crypt_state.held)
		pthread_cond_wait(&crypt_state.changed, &crypt_state.lock);
	pthread_mutex_unlock(&crypt_state.lock);
	return __real_crypt_rn(password, hash, data, size);
}

static void hold(bool held)
{
	pthread_mutex_lock(&crypt_state.lock);
	crypt_state.held = held;
	pthread_cond_broadcast(&crypt_state.changed);
	pthread_mutex_unlock(&crypt_state.lock);
}

static void wait_for_hashes(unsigned count)
{
	pthread_mutex_lock(&crypt_state.lock);
	while (crypt_state.hashes < count)
		pthread_cond_wait(&crypt_state.changed, &crypt_state.lock);
	pthread_mutex_unlock(&crypt_state.lock);
}

struct asked {
	struct auth_request request; /* first */
	atomic_uint told;
	enum auth_verdict verdict;
};

static void done(struct auth_request *request, enum auth_verdict verdict)
{
	struct asked *asked = (struct asked *)request;

	pthread_mutex_lock(&crypt_state.lock);
	asked->verdict = verdict;
	asked->told++;
	pthread_cond_broadcast(&crypt_state.changed);
	pthread_mutex_unlock(&crypt_state.lock);
}

static struct auth *auth;

static int set_up(void **state)
{
	(void)state;
	crypt_state.hashes = 0;
	memset(crypt_state.of_cost, 0, sizeof(crypt_state.of_cost));
	assert_result(auth_new(&auth), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hold(false);
	auth_free(auth);
	return 0;
}

static enum auth_verdict ask(
    struct asked *asked, const char *name, const char *password, const struct peer *peer)
{
	memset(asked, 0, sizeof(*asked));
	asked->request.done = done;

	const enum auth_verdict verdict =
	    auth_check(auth, &config, name, password, peer, &asked->request);

	if (verdict == AUTH_WAITS)
		auth_submit(auth, &asked->request);
	return verdict;
}

static enum auth_verdict verdict_of(struct asked *asked)
{
	pthread_mutex_lock(&crypt_state.lock);
	while (!asked->told)
		pthread_cond_wait(&crypt_state.changed, &crypt_state.lock);
	pthread_mutex_unlock(&crypt_state.lock);
	assert_int_equal(asked->told, 1);
	return asked->verdict;
}

static enum auth_verdict find_out(const char *name, const char *password)
{
	struct asked asked;
	const enum auth_verdict verdict = ask(&asked, name, password, &here);

	return verdict == AUTH_WAITS ? verdict_of(&asked) : verdict;
}

static void the_right_password_is_granted_and_remembered(void **state)
{
	struct asked asked;

	(void)state;
	assert_int_equal(find_out("alice", "secret"), AUTH_GRANTED);
	assert_int_equal(crypt_state.hashes, 1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ask(&asked, "alice", "secret", &here), AUTH_GRANTED);
	assert_int_equal(crypt_state.hashes, 1);
}

static void a_wrong_one_is_denied_and_remembered(void **state)
{
	struct asked asked;

	(void)state;
	assert_int_equal(find_out("alice", "Secret"), AUTH_DENIED);
	assert_int_equal(find_out("alice", ""), AUTH_DENIED);
	assert_int_equal(find_out("alice", "other"), AUTH_DENIED);
	assert_int_equal(find_out("bob", "secret"), AUTH_DENIED);
	assert_int_equal(crypt_state.hashes, 4 * 2); /* there are two costs */
	assert_int_equal(ask(&asked, "alice", "Secret", &here), AUTH_DENIED);
	assert_int_equal(crypt_state.hashes, 4 * 2);
	assert_int_equal(find_out("bob", "other"), AUTH_GRANTED);
}

/* A wrong password takes one hash of each cost, whoever's it is said to be. */
static void every_refusal_takes_the_same_work(void **state)
{
	static const char *const names[] = {"alice", "bob", "carol", ""};

	(void)state;
	for (unsigned i = 0; i < LENGTH(names); i++) {
		assert_int_equal(find_out(names[i], "wrong"), AUTH_DENIED);
		assert_int_equal(crypt_state.of_cost[4], i + 1);
		assert_int_equal(crypt_state.of_cost[5], i + 1);
		assert_int_equal(crypt_state.hashes, 2 * (i + 1));
	}
}

/* With one cost, one hash does. */
static void one_cost_takes_one_hash(void **state)
{
	struct web_config_user same[] = {{(char *)"bob", other}, {(char *)"dora", other}};
	const struct web_config equal = {.users = same, .users_length = 2};
	static const char *const names[] = {"bob", "carol", "dora"};

	(void)state;
	for (unsigned i = 0; i < LENGTH(names); i++) {
		struct asked asked = {.request.done = done};

		assert_int_equal(
		    auth_check(auth, &equal, names[i], "wrong", &here, &asked.request), AUTH_WAITS);
		auth_submit(auth, &asked.request);
		assert_int_equal(verdict_of(&asked), AUTH_DENIED);
		assert_int_equal(crypt_state.of_cost[5], i + 1);
		assert_int_equal(crypt_state.hashes, i + 1);
	}
}

/* The name is part of what is remembered, and so is where it ends. */
static void what_one_may_another_may_not(void **state)
{
	(void)state;
	assert_int_equal(find_out("alice", "secret"), AUTH_GRANTED);
	assert_int_equal(find_out("alic", "esecret"), AUTH_DENIED);
	assert_int_equal(find_out("alices", "ecret"), AUTH_DENIED);
	assert_int_equal(find_out("carol", "secret"), AUTH_DENIED);
}

static void a_new_hash_is_a_new_question(void **state)
{
	struct web_config_user changed[] = {{(char *)"alice", other}};
	const struct web_config next = {.users = changed, .users_length = 1};
	struct asked asked = {.request.done = done};

	(void)state;
	assert_int_equal(find_out("alice", "secret"), AUTH_GRANTED);
	assert_int_equal(
	    auth_check(auth, &next, "alice", "secret", &here, &asked.request), AUTH_WAITS);
	auth_submit(auth, &asked.request);
	assert_int_equal(verdict_of(&asked), AUTH_DENIED);
}

/* As many users as a file can have: each is remembered, and over another file with the same hash.
 */
static void users_do_not_drive_out_each_other(void **state)
{
	enum { MANY = WEB_CONFIG_USERS_MAX };
	static struct web_config_user many[MANY];
	static char names[MANY][16];
	const struct web_config first = {.users = many, .users_length = MANY};
	const struct web_config next = {.users = &many[MANY / 2], .users_length = MANY / 2};

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "user %04zu", i);
		many[i] = (struct web_config_user){names[i], secret};
	}
	for (size_t i = 0; i < MANY; i++) {
		struct asked asked = {.request.done = done};

		assert_int_equal(
		    auth_check(auth, &first, names[i], "secret", &here, &asked.request),
		    AUTH_WAITS);
		auth_submit(auth, &asked.request);
		assert_int_equal(verdict_of(&asked), AUTH_GRANTED);
	}
	for (size_t i = 0; i < MANY; i++) {
		struct asked asked = {.request.done = done};
		const struct web_config *now = i < MANY / 2 ? &first : &next;

		assert_int_equal(
		    auth_check(auth, now, names[i], "secret", &here, &asked.request), AUTH_GRANTED);
	}
}

static void guesses_do_not_drive_out_who_is_let_in(void **state)
{
	struct asked asked;
	char guess[32];

	(void)state;
	assert_int_equal(find_out("alice", "secret"), AUTH_GRANTED);
	for (int i = 0; i < 200; i++) {
		snprintf(guess, sizeof(guess), "guess %d", i);
		assert_int_equal(find_out("alice", guess), AUTH_DENIED);
	}
	assert_int_equal(ask(&asked, "alice", "secret", &here), AUTH_GRANTED);
	/* The last ones are remembered, the first are not. */
	assert_int_equal(ask(&asked, "alice", "guess 199", &here), AUTH_DENIED);
	assert_int_equal(ask(&asked, "alice", "guess 0", &here), AUTH_WAITS);
	(void)verdict_of(&asked);
}

static void who_asks_the_same_shares_the_answer(void **state)
{
	struct asked first, second[3];

	(void)state;
	hold(true);
	assert_int_equal(ask(&first, "alice", "secret", &here), AUTH_WAITS);
	wait_for_hashes(1);
	for (size_t i = 0; i < LENGTH(second); i++)
		assert_int_equal(ask(&second[i], "alice", "secret", &here), AUTH_WAITS);
	hold(false);
	assert_int_equal(verdict_of(&first), AUTH_GRANTED);
	for (size_t i = 0; i < LENGTH(second); i++)
		assert_int_equal(verdict_of(&second[i]), AUTH_GRANTED);
	assert_int_equal(crypt_state.hashes, 1);
}

static void one_peer_cannot_fill_the_queue(void **state)
{
	struct asked first, mine[5], theirs;
	static const char *const guesses[] = {"1", "2", "3", "4", "5"};

	(void)state;
	hold(true);
	assert_int_equal(ask(&first, "alice", "0", &here), AUTH_WAITS);
	wait_for_hashes(1);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(ask(&mine[i], "alice", guesses[i], &here), AUTH_WAITS);
	assert_int_equal(ask(&mine[4], "alice", guesses[4], &here), AUTH_BUSY);
	assert_int_equal(ask(&theirs, "alice", "secret", &there), AUTH_WAITS);
	hold(false);
	assert_int_equal(verdict_of(&theirs), AUTH_GRANTED);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(verdict_of(&mine[i]), AUTH_DENIED);
	assert_int_equal(verdict_of(&first), AUTH_DENIED);
}

static void the_queue_has_an_end(void **state)
{
	enum { MANY = 60 };
	static struct asked asked[MANY];
	unsigned waiting = 0;
	unsigned busy = 0;

	(void)state;
	hold(true);
	for (size_t i = 0; i < MANY; i++) {
		const struct peer peer = {{3, (unsigned char)i}};
		char guess[32];

		snprintf(guess, sizeof(guess), "guess %zu", i);

		const enum auth_verdict verdict = ask(&asked[i], "alice", guess, &peer);

		waiting += verdict == AUTH_WAITS;
		busy += verdict == AUTH_BUSY;
		if (i == 0)
			wait_for_hashes(1); /* it is out of the queue */
	}
	assert_int_equal(waiting + busy, MANY);
	/* 32, and the one that is being checked. */
	assert_int_equal(waiting, 33);
	hold(false);
	for (size_t i = 0; i < waiting; i++)
		assert_int_equal(verdict_of(&asked[i]), AUTH_DENIED);
}

static void *stop(void *context)
{
	(void)context;
	auth_stop(auth);
	return NULL;
}

static void stopping_tells_everyone(void **state)
{
	struct asked first, second, third;
	pthread_t thread;

	(void)state;
	hold(true);
	assert_int_equal(ask(&first, "alice", "secret", &here), AUTH_WAITS);
	wait_for_hashes(1);
	assert_int_equal(ask(&second, "alice", "other", &here), AUTH_WAITS);
	assert_int_equal(pthread_create(&thread, NULL, stop, NULL), 0);
	assert_int_equal(verdict_of(&second), AUTH_BUSY);
	hold(false);
	assert_int_equal(verdict_of(&first), AUTH_GRANTED);
	pthread_join(thread, NULL);
	assert_int_equal(ask(&third, "alice", "third", &here), AUTH_BUSY);
	assert_int_equal(third.told, 0);
	auth_submit(auth, &third.request);
	assert_int_equal(verdict_of(&third), AUTH_BUSY);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_right_password_is_granted_and_remembered),
	    TEST(a_wrong_one_is_denied_and_remembered),
	    TEST(every_refusal_takes_the_same_work),
	    TEST(one_cost_takes_one_hash),
	    TEST(what_one_may_another_may_not),
	    TEST(a_new_hash_is_a_new_question),
	    TEST(users_do_not_drive_out_each_other),
	    TEST(guesses_do_not_drive_out_who_is_let_in),
	    TEST(who_asks_the_same_shares_the_answer),
	    TEST(one_peer_cannot_fill_the_queue),
	    TEST(the_queue_has_an_end),
	    TEST(stopping_tells_everyone),
	};

	return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
