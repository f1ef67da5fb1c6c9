/* The HTTPS carrier against real servers in this process: one on plain sockets that answers whatever a test wants, and
 * one that speaks TLS. */
#include "hal/clock.h"
#include "sync/carrier.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"

enum manner { ANSWER, ANSWER_AND_CLOSE, ENDLESS, SILENT };

struct server {
	int fd, stop[2]; /* a pipe: its reading end is readable when the server is to end */
	int port;
	pthread_t thread;
	enum manner manner;
	const char *answer;
	size_t answer_length;
	atomic_int connections, requests;
	char request[65536]; /* the last one */
	size_t request_length;
};

static struct server server;

static bool stopped(int fd, int timeout_ms)
{
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = server.stop[0], .events = POLLIN}};
	poll(fds, 2, timeout_ms);
	return fds[1].revents;
}

static size_t content_length(const char *head)
{
	const char *at = strcasestr(head, "\r\nContent-Length:");
	return at ? strtoul(at + 17, NULL, 10) : 0;
}

/* False when the client has gone or the test is over. */
static bool read_request(int fd)
{
	server.request_length = 0;
	for (;;) {
		if (stopped(fd, -1))
			return false;
		ssize_t n = read(fd, server.request + server.request_length, sizeof server.request - 1 - server.request_length);
		if (n <= 0)
			return false;
		server.request_length += (size_t)n;
		server.request[server.request_length] = '\0';
		if (server.request[0] == 0x16) /* TLS, which this server does not speak */
			return true;
		const char *end = strstr(server.request, "\r\n\r\n");
		if (end && server.request_length == (size_t)(end + 4 - server.request) + content_length(server.request))
			return true;
	}
}

static bool write_all(int fd, const char *bytes, size_t count)
{
	while (count) {
		ssize_t n = send(fd, bytes, count, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		bytes += n;
		count -= (size_t)n;
	}
	return true;
}

static void serve_one(int fd)
{
	static const char filling[4096] = "x";
	server.connections++;
	while (read_request(fd)) {
		server.requests++;
		if (server.manner == SILENT) {
			stopped(-1, -1);
			return;
		}
		bool sent = write_all(fd, server.answer, server.answer_length);
		while (sent && server.manner == ENDLESS)
			sent = write_all(fd, filling, sizeof filling);
		if (!sent || server.manner == ANSWER_AND_CLOSE)
			return;
	}
}

static void *serve(void *unused)
{
	while (!stopped(server.fd, -1)) {
		int fd = accept(server.fd, NULL, NULL);
		if (fd < 0)
			continue;
		serve_one(fd);
		close(fd);
	}
	return unused;
}

static int listen_somewhere(int *out_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&address, &length))
		return -1;
	*out_port = ntohs(address.sin_port);
	return fd;
}

static void server_start(enum manner manner, const char *answer, size_t length)
{
	server.manner = manner;
	server.answer = answer;
	server.answer_length = length;
	server.connections = server.requests = 0;
	server.fd = listen_somewhere(&server.port);
	assert_true(server.fd >= 0);
	assert_int_equal(pipe(server.stop), 0);
	assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

static void server_stop(void)
{
	assert_int_equal(write(server.stop[1], "x", 1), 1);
	pthread_join(server.thread, NULL);
	close(server.fd);
	close(server.stop[0]);
	close(server.stop[1]);
}

static const char *address(void)
{
	static char url[64];
	snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);
	return url;
}

struct outcome {
	int rc;
	int64_t retry_ms, took_ms;
	struct err e;
	struct buffer answer;
};

static struct outcome exchange_with(struct carrier *carrier, const char *bytes)
{
	struct outcome o = {.retry_ms = -1};
	int64_t from_ms = clock_mono_ms();
	o.rc = carrier->start(carrier, "/v1/batches", bytes, strlen(bytes), &o.e);
	if (!o.rc)
		o.rc = carrier->finish(carrier, &o.answer, &o.retry_ms, &o.e);
	o.took_ms = clock_mono_ms() - from_ms;
	return o;
}

/* One exchange with a server that answers so. */
static struct outcome against(enum manner manner, const char *answer, int64_t timeout_ms)
{
	struct carrier *carrier;
	struct err e;
	server_start(manner, answer, strlen(answer));
	assert_int_equal(carrier_https(&carrier, address(), "", timeout_ms, &e), 0);
	struct outcome o = exchange_with(carrier, "a batch");
	carrier->close(carrier);
	server_stop();
	if (o.rc) {
		assert_int_equal(o.rc, -(int)o.e.code);
		assert_true(strlen(o.e.text) > 20);
		assert_null(strchr(o.e.text, '\n'));
		assert_int_equal(o.answer.length, 0);
	}
	return o;
}

static void expect(struct outcome o, enum err_code code, const char *part_of_text)
{
	if (o.rc != -(int)code || !strstr(o.e.text, part_of_text))
		fail_msg("expected %s and \"%s\", got %s: %s", err_name(code), part_of_text, err_name((enum err_code) - o.rc),
		         o.e.text);
	buffer_free(&o.answer);
}

static void test_a_good_answer(void **state)
{
	(void)state;
	struct outcome o = against(ANSWER, OK_HEAD "Content-Length: 4\r\n\r\nfour", 5000);
	assert_int_equal(o.rc, 0);
	assert_int_equal(o.answer.length, 4);
	assert_memory_equal(o.answer.bytes, "four", 4);
	assert_int_equal(o.retry_ms, 0);
	buffer_free(&o.answer);
	assert_non_null(strstr(server.request, "POST /v1/batches HTTP/1.1\r\n"));
	assert_non_null(strstr(server.request, "\r\nUser-Agent: alzy/" ALZY_VERSION "\r\n"));
	assert_non_null(strstr(server.request, "\r\nContent-Type: application/octet-stream\r\n"));
	assert_non_null(strstr(server.request, "\r\nContent-Length: 7\r\n"));
	assert_null(strcasestr(server.request, "\r\nExpect:"));
	assert_non_null(strstr(server.request, "\r\n\r\na batch"));
}

static void test_the_connection_is_kept(void **state)
{
	(void)state;
	struct carrier *carrier;
	struct err e;
	static const char answer[] = OK_HEAD "Content-Length: 4\r\n\r\nfour";
	server_start(ANSWER, answer, strlen(answer));
	assert_int_equal(carrier_https(&carrier, address(), "", 5000, &e), 0);
	for (int i = 0; i < 5; i++) {
		struct outcome o = exchange_with(carrier, "a batch");
		assert_int_equal(o.rc, 0);
		assert_int_equal(o.answer.length, 4);
		buffer_free(&o.answer);
	}
	/* On an open connection start() alone brings the request to the centre: that is what makes the next batch while
	 * the centre works. */
	assert_int_equal(carrier->start(carrier, "/v1/batches", "more", 4, &e), 0);
	for (int i = 0; i < 500 && server.requests < 6; i++)
		clock_sleep_ms(10);
	assert_int_equal(server.requests, 6);
	assert_int_equal(server.connections, 1);
	assert_int_equal(carrier->start(carrier, "/v1/batches", "more", 4, &e), -ERR_INTERNAL);
	carrier->close(carrier); /* in the middle of an exchange */
	server_stop();
}

static void test_finish_without_start(void **state)
{
	(void)state;
	struct carrier *carrier;
	struct err e;
	struct buffer out = {0};
	int64_t retry_ms;
	assert_int_equal(carrier_https(&carrier, "http://127.0.0.1:9", "", 5000, &e), 0);
	assert_int_equal(carrier->finish(carrier, &out, &retry_ms, &e), -ERR_INTERNAL);
	carrier->close(carrier);
}

#define ERROR_JSON(status, headers, body) \
	"HTTP/1.1 " status " X\r\nContent-Type: application/json\r\n" headers "Connection: close\r\n\r\n" body

static void test_the_centre_can_not_serve(void **state)
{
	(void)state;
	struct outcome o = against(ANSWER_AND_CLOSE, ERROR_JSON("500", "", "<html>oh no</html>"), 5000);
	assert_int_equal(o.retry_ms, 0);
	expect(o, ERR_CENTRE, "status 500");
	o = against(ANSWER_AND_CLOSE,
	            ERROR_JSON("503", "Retry-After: 7\r\n", "{\"error\": \"DATABASE\", \"message\": \"Postgres is away\"}"),
	            5000);
	assert_int_equal(o.retry_ms, 7000);
	expect(o, ERR_CENTRE, "Postgres is away");
	o = against(ANSWER_AND_CLOSE, ERROR_JSON("503", "Retry-After: 99999999\r\n", ""), 5000);
	assert_int_equal(o.retry_ms, 3600000);
	expect(o, ERR_CENTRE, "503");
	o = against(ANSWER_AND_CLOSE, ERROR_JSON("503", "Retry-After: soon\r\n", ""), 5000);
	assert_int_equal(o.retry_ms, 0);
	expect(o, ERR_CENTRE, "503");
	o = against(ANSWER_AND_CLOSE, ERROR_JSON("429", "Retry-After: 5\r\n", ""), 5000);
	assert_int_equal(o.retry_ms, 5000);
	expect(o, ERR_CENTRE, "429");
}

static void test_retry_after_a_date(void **state)
{
	(void)state;
	static char answer[512];
	static const int offsets_s[] = {120, -500};
	for (size_t i = 0; i < 2; i++) {
		char date[64];
		time_t then = time(NULL) + offsets_s[i];
		struct tm tm;
		strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &tm));
		snprintf(answer, sizeof answer, "HTTP/1.1 503 X\r\nRetry-After: %s\r\nConnection: close\r\n\r\n", date);
		struct outcome o = against(ANSWER_AND_CLOSE, answer, 5000);
		assert_in_range(o.retry_ms, offsets_s[i] > 0 ? 110000 : 0, offsets_s[i] > 0 ? 120000 : 0);
		expect(o, ERR_CENTRE, "503");
	}
}

static void test_the_centre_refuses(void **state)
{
	(void)state;
	expect(against(ANSWER_AND_CLOSE,
	               ERROR_JSON("403", "", "{\"error\": \"REFUSED\", \"message\": \"device 7 was revoked\"}"), 5000),
	       ERR_REFUSED, "device 7 was revoked");
	/* What a terminal would obey is taken out. */
	struct outcome o = against(
		ANSWER_AND_CLOSE, ERROR_JSON("403", "", "{\"error\": \"REFUSED\", \"message\": \"a\\u001b[2Jb\\nc\"}"), 5000);
	assert_null(strchr(o.e.text, 0x1b));
	expect(o, ERR_REFUSED, "a [2Jb c");
}

static void test_what_answers_is_no_centre(void **state)
{
	(void)state;
	static const char *const answers[] = {
		ERROR_JSON("404", "", "<html>no such page</html>"),
		ERROR_JSON("403", "", "{\"error\": 5, \"message\": \"x\"}"),
		ERROR_JSON("403", "", "{\"error\": \"REFUSED\"}"),
		ERROR_JSON("403", "", "[]"),
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 201 Created\r\nContent-Type: application/octet-stream\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nlogin",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlogin",
	};
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		expect(against(ANSWER_AND_CLOSE, answers[i], 5000), ERR_NETWORK, "no alzy centre");
	expect(against(ANSWER_AND_CLOSE, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
	               5000),
	       ERR_NETWORK, "not followed");
	expect(against(ANSWER_AND_CLOSE, "SSH-2.0-OpenSSH_9.2\r\n", 5000), ERR_NETWORK, "does not speak HTTP");
}

static void test_broken_answers(void **state)
{
	(void)state;
	expect(against(ANSWER_AND_CLOSE, "", 5000), ERR_NETWORK, "without an answer");
	expect(against(ANSWER_AND_CLOSE, OK_HEAD "Content-Length: 100\r\n\r\nhalf", 5000), ERR_NETWORK, "cut off");
	expect(against(ANSWER_AND_CLOSE, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhal", 5000), ERR_NETWORK, "");
	expect(against(ENDLESS, OK_HEAD "\r\n", 20000), ERR_LIMIT, "larger");
	expect(against(ANSWER, OK_HEAD "Content-Length: 4000000000\r\n\r\n", 20000), ERR_LIMIT, "larger");
	expect(against(ENDLESS, "HTTP/1.1 200 OK\r\nX: ", 5000), ERR_NETWORK, "");
}

static void test_time_is_bounded(void **state)
{
	(void)state;
	struct outcome o = against(SILENT, "", 300);
	assert_in_range(o.took_ms, 250, 3000);
	expect(o, ERR_NETWORK, "no answer in time");
}

static void test_nobody_there(void **state)
{
	(void)state;
	struct carrier *carrier;
	struct err e;
	int port, fd = listen_somewhere(&port);
	close(fd);
	char url[64];
	snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
	assert_int_equal(carrier_https(&carrier, url, "", 5000, &e), 0);
	expect(exchange_with(carrier, "a batch"), ERR_NETWORK, "nobody answers there (Connection refused)");
	carrier->close(carrier);
	assert_int_equal(carrier_https(&carrier, "http://no-such-host.invalid", "", 5000, &e), 0);
	expect(exchange_with(carrier, "a batch"), ERR_NETWORK, "can't be resolved");
	carrier->close(carrier);
}

static void test_addresses_that_are_none(void **state)
{
	(void)state;
	struct carrier *carrier;
	struct err e;
	static const char *const urls[] = {"", "ftp://centre", "centre:8443", "file:///etc/passwd"};
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
		assert_int_equal(carrier_https(&carrier, urls[i], "", 5000, &e), -ERR_INVALID);
	assert_int_equal(carrier_https(&carrier, "https://centre", "/no/such/file", 5000, &e), -ERR_CONFIG);
	assert_non_null(strstr(e.text, "/no/such/file"));
}

/* In the middle of an exchange with a centre that says nothing. */
static void test_giving_up(void **state)
{
	(void)state;
	struct carrier *carrier;
	struct err e;
	int wake[2];
	assert_int_equal(pipe(wake), 0);
	server_start(SILENT, "", 0);
	assert_int_equal(carrier_https(&carrier, address(), "", 60000, &e), 0);
	carrier_https_give_up_on(carrier, wake[0]);
	pid_t child = fork();
	if (child == 0) {
		clock_sleep_ms(200);
		_exit(write(wake[1], "x", 1) != 1);
	}
	struct outcome o = exchange_with(carrier, "a batch");
	assert_in_range(o.took_ms, 100, 1000);
	expect(o, ERR_NETWORK, "given up");
	carrier->close(carrier);
	waitpid(child, NULL, 0);
	server_stop();
	close(wake[0]);
	close(wake[1]);
}

/* ---- TLS ------------------------------------------------------------------------------------------------- */

static enum MHD_Result answer_tls(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **context)
{
	(void)cls, (void)url, (void)method, (void)version, (void)data;
	if (!*context) {
		*context = cls;
		return MHD_YES;
	}
	if (*size) {
		*size = 0;
		return MHD_YES;
	}
	struct MHD_Response *response = MHD_create_response_from_buffer(4, (void *)"four", MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, "Content-Type", "application/octet-stream");
	enum MHD_Result queued = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return queued;
}

static char folder[] = "/tmp/alzy-test-XXXXXX";

static char *load(const char *name)
{
	char path[128];
	char *text = calloc(1, 16384);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, 16383, file) > 0);
	fclose(file);
	return text;
}

static bool make_certificate(void)
{
	char command[512];
	assert_non_null(mkdtemp(folder));
	snprintf(command, sizeof command,
	         "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
	         "-addext subjectAltName=DNS:localhost -keyout %s/key.pem -out %s/cert.pem 2>/dev/null",
	         folder, folder);
	return !system(command);
}

static struct outcome over_tls(const char *host, int port, const char *ca_file)
{
	struct carrier *carrier;
	struct err e;
	char url[64];
	snprintf(url, sizeof url, "https://%s:%d", host, port);
	assert_int_equal(carrier_https(&carrier, url, ca_file, 5000, &e), 0);
	struct outcome o = exchange_with(carrier, "a batch");
	carrier->close(carrier);
	return o;
}

static void test_tls_is_verified(void **state)
{
	(void)state;
	if (!make_certificate())
		skip();
	char *cert = load("cert.pem"), *key = load("key.pem"), path[128];
	snprintf(path, sizeof path, "%s/cert.pem", folder);
	struct MHD_Daemon *daemon =
		MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL, answer_tls, &server,
	                     MHD_OPTION_HTTPS_MEM_CERT, cert, MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_END);
	assert_non_null(daemon);
	int port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
	struct outcome o = over_tls("localhost", port, path);
	assert_int_equal(o.rc, 0);
	assert_int_equal(o.answer.length, 4);
	buffer_free(&o.answer);
	expect(over_tls("localhost", port, ""), ERR_NETWORK, "certificate is not to be trusted");
	expect(over_tls("127.0.0.1", port, path), ERR_NETWORK, "certificate is not to be trusted"); /* another name */
	MHD_stop_daemon(daemon);
	/* Plain HTTP where TLS is expected. */
	server_start(ANSWER_AND_CLOSE, "HTTP/1.1 400 X\r\n\r\n", 18);
	expect(over_tls("127.0.0.1", server.port, path), ERR_NETWORK, "no secure connection");
	server_stop();
	unlink(path);
	snprintf(path, sizeof path, "%s/key.pem", folder);
	unlink(path);
	rmdir(folder);
	free(cert);
	free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_good_answer),
		cmocka_unit_test(test_the_connection_is_kept),
		cmocka_unit_test(test_finish_without_start),
		cmocka_unit_test(test_the_centre_can_not_serve),
		cmocka_unit_test(test_retry_after_a_date),
		cmocka_unit_test(test_the_centre_refuses),
		cmocka_unit_test(test_what_answers_is_no_centre),
		cmocka_unit_test(test_broken_answers),
		cmocka_unit_test(test_time_is_bounded),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_addresses_that_are_none),
		cmocka_unit_test(test_giving_up),
		cmocka_unit_test(test_tls_is_verified),
	};
	/* Nothing of the outside may decide how a test ends. */
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("all_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("ALL_PROXY");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
