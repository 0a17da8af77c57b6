/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WEB_CONFIG_H
#define EPHEMERA_WEB_CONFIG_H

/*
 * The file of --web.config.file: the format of Prometheus' exporters
 * (exporter-toolkit's docs/web-configuration.md). Reads it and the files that it names. What
 * is in certificates and keys is not looked at here, see tls.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* Go's crypto/tls names for them, which are the values of client_auth_type. */
enum client_auth {
	CLIENT_AUTH_NONE,	       /* NoClientCert */
	CLIENT_AUTH_REQUEST,	       /* RequestClientCert */
	CLIENT_AUTH_REQUIRE_ANY,       /* RequireAnyClientCert */
	CLIENT_AUTH_VERIFY_IF_GIVEN,   /* VerifyClientCertIfGiven */
	CLIENT_AUTH_REQUIRE_AND_VERIFY /* RequireAndVerifyClientCert */
};

enum tls_version { TLS_VERSION_1_0, TLS_VERSION_1_1, TLS_VERSION_1_2, TLS_VERSION_1_3 };

/* A string, or the content of a file: ends with a zero byte, which length does not count. */
struct blob {
	char *data; /* NULL: not given */
	size_t length;
};

struct web_config_user {
	char *name;
	char *hash; /* bcrypt: $2a$, $2b$ or $2y$, well-formed, of a cost from 4 to 16 */
};

struct web_config_header {
	const char *name; /* static */
	char *value;	  /* one line of printable ASCII */
};

#define WEB_CONFIG_HEADERS 5

/* A list of strings. */
struct strings {
	char **list;
	size_t length;
};

struct web_config_tls {
	struct blob certificate; /* PEM; its chain behind it */
	struct blob key;	 /* PEM */
	struct blob client_ca;	 /* PEM; data NULL: none */
	enum client_auth client_auth;
	struct strings allowed_sans;	  /* empty: any; else a certificate is required */
	enum tls_version min_version;	  /* TLS 1.2 unless said otherwise */
	enum tls_version max_version;	  /* TLS 1.3 */
	struct strings cipher_suites;	  /* IANA's names as Go has them; each checked against
					     web_config_cipher(); empty: the library's choice */
	bool prefer_server_cipher_suites; /* true */
	struct strings curve_preferences; /* each checked against web_config_curve(); empty: any */
};

/* What tells that a file is another one now. */
struct web_config_file {
	char *path;
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed; /* ctime */
};

struct web_config {
	bool has_tls;
	struct web_config_tls tls;
	bool http2_given; /* http_server_config.http2 is there, true or false */
	struct web_config_header headers[WEB_CONFIG_HEADERS]; /* those given and not empty */
	size_t headers_length;
	struct web_config_user *users; /* sorted by name; none: no password is asked for */
	size_t users_length;
	struct strings excluded_paths; /* auth_excluded_paths: exact paths */
	double rate_interval;	       /* seconds between two requests; 0: no limit */
	unsigned long rate_burst;      /* at least 1 where there is a limit */
	struct web_config_file *files; /* the file itself and those it names */
	size_t files_length;
};

#define WEB_CONFIG_ERROR_SIZE 512

/*
 * Reads the file at path. Returns 0; or -errno, and in error what is wrong, in one printable
 * line that begins with the path and, where it is about the file's text, the line:
 * "web.yml:3: tls_server_config: unknown key \"cert_fil\"". Of a path only the first 200 bytes
 * are told, and of cert, key and basic_auth_users no value. Relative paths in the file are
 * relative to the directory that it is in. An empty file is right, and asks for nothing.
 */
int web_config_read(
    const char *path, struct web_config **ret_config, char error[static WEB_CONFIG_ERROR_SIZE]);

/*
 * As above, of text at hand, length bytes; name stands for the path in error. Files that it
 * names are looked for relative to directory. files of the result lacks the file itself.
 */
int web_config_parse(const char *text, size_t length, const char *name, const char *directory,
    struct web_config **ret_config, char error[static WEB_CONFIG_ERROR_SIZE]);

/* Keys, certificates and hashes are overwritten before they are freed. NULL is fine. */
void web_config_free(struct web_config *config);

/* Whether one of its files is another one now, or gone. */
bool web_config_has_changed(const struct web_config *config);

/*
 * The GnuTLS priority-string words of a cipher suite by IANA's name, such as
 * "+ECDHE-ECDSA:+AES-128-GCM:+AEAD"; NULL: not one of those that Go's CipherSuites() lists.
 * is_tls13: the suite is of TLS 1.3, where Go accepts the name and lets it choose nothing.
 */
const char *web_config_cipher(const char *name, bool *ret_is_tls13);

/* The same of a curve by Go's name, such as "+GROUP-X25519"; NULL: none of those that Go knows. */
const char *web_config_curve(const char *name);

#endif
