#include "sync/central/gateway.h"

#include "hal/clock.h"
#include "hal/log.h"
#include "sync/central/addresses.h"
#include "sync/central/gateway_listen.h"
#include "sync/central/limits.h"
#include "sync/central/peers.h"
#include "sync/central/routes.h"
#include "sync/central/workers.h"
#include "sync/envelope.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
	CONNECTION_MEMORY = 32 * 1024, /* head and what is read at once */
	REQUESTS_PER_WORKER = 16,      /* complete and waiting; their bodies, and those on the way, have this much memory */
	HEALTH_QUEUE = 64,
	RETRY_AFTER_S = 5,
	STOP_MS = 20000,
};

struct gateway {
	const struct gateway_options *options;
	char address[GATEWAY_ADDRESS_TEXT + 8];
	struct MHD_Daemon *daemon;
	struct workers *workers, *health;
	pthread_mutex_t mutex;
	pthread_cond_t fewer;     /* requests */
	struct identity identity; /* as it is now: gateway_renew */
	struct peers peers;
	size_t requests; /* under way */
	struct addresses proxies;
	struct limits by_address, by_device;
	struct request *at_work; /* batches that workers have: at most one of each device */
	bool stopping;
};

struct request {
	struct job job;
	struct gateway *gateway;
	struct MHD_Connection *connection;
	struct peer *peer;
	const struct route *route;
	struct exchange exchange;
	bool crowded;     /* there was none for the rest of it, which is not kept */
	unsigned status;  /* 0: not answered yet */
	int64_t retry_ms; /* when to come again, for 429 */
	char client[ADDRESS_TEXT];
	struct request *next_at_work;
};

/* ---- keys ------------------------------------------------------------------------------------------------------- */

/* A copy, to be wiped: the keys may change meanwhile. */
static struct identity identity_now(struct gateway *gateway)
{
	pthread_mutex_lock(&gateway->mutex);
	struct identity identity = gateway->identity;
	pthread_mutex_unlock(&gateway->mutex);
	return identity;
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

/* Takes `bytes`, made by malloc. `retry_ms` is for 429; `allow` is for 405, and may be NULL. */
static enum MHD_Result send_answer(struct MHD_Connection *connection, unsigned status, const char *type, void *bytes,
                                   size_t count, int64_t retry_ms, const char *allow)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(count, bytes, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(bytes);
		return MHD_NO;
	}
	char seconds[16];
	snprintf(seconds, sizeof seconds, "%d", retry_ms ? (int)((retry_ms + 999) / 1000) : RETRY_AFTER_S);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE || status == MHD_HTTP_TOO_MANY_REQUESTS)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
	if (allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_error(struct MHD_Connection *connection, unsigned status, enum err_code code,
                                  const char *message, int64_t retry_ms, const char *allow)
{
	char *text = route_error(code, message);
	return text ? send_answer(connection, status, "application/json", text, strlen(text), retry_ms, allow) : MHD_NO;
}

/* What a worker could not do, told to the unit, and to whoever looks after the centre. What Postgres says stays here. */
static void fail(struct request *request, const struct err *e)
{
	request->status = request->retry_ms ? MHD_HTTP_TOO_MANY_REQUESTS : route_status(e->code);
	const char *told = e->text, *path = request->route->path, *peer = request->client;
	if (request->status < MHD_HTTP_INTERNAL_SERVER_ERROR) {
		log_warning("%s from %s refused: %s: %s", path, peer, err_name(e->code), e->text);
	} else {
		(e->code == ERR_BUSY ? log_warning : log_error)("%s from %s: %s: %s", path, peer, err_name(e->code), e->text);
		told = request->status == MHD_HTTP_SERVICE_UNAVAILABLE ? "the centre can't take this now: try again later"
		                                                       : "a fault in the centre: its log says more";
	}
	char *text = route_error(e->code, told);
	buffer_free(&request->exchange.answer);
	if (text)
		request->exchange.answer = (struct buffer){(uint8_t *)text, strlen(text), strlen(text)};
}

/* ---- one of each device at a time ----------------------------------------------------------------------------- */

/* Whether a batch may go to a worker. Only one whose signature holds counts as one of its sender: nobody can use up what
 * another device may. */
static int admit(struct request *request, struct err *e)
{
	struct gateway *gateway = request->gateway;
	struct letter *letter = &request->exchange.letter;
	const uint8_t *sender = letter->head.sender;
	struct identity identity = identity_now(gateway);
	int rc = identity_check(&identity, request->exchange.body.bytes, request->exchange.body.length, letter, e);
	identity_wipe(&identity);
	if (rc)
		return rc;
	pthread_mutex_lock(&gateway->mutex);
	const struct request *other = gateway->at_work;
	while (other && memcmp(other->exchange.letter.head.sender, sender, KEY_PUBLIC))
		other = other->next_at_work;
	if (!other)
		request->retry_ms = limits_take(&gateway->by_device, sender, clock_mono_ms());
	if (!other && !request->retry_ms) {
		request->next_at_work = gateway->at_work;
		gateway->at_work = request;
	}
	pthread_mutex_unlock(&gateway->mutex);
	if (other)
		return err_set(e, ERR_BUSY, "another request of this device is at work");
	return request->retry_ms ? err_set(e, ERR_BUSY, "too many requests of this device") : 0;
}

static void depart(struct request *request)
{
	struct gateway *gateway = request->gateway;
	pthread_mutex_lock(&gateway->mutex);
	struct request **at = &gateway->at_work;
	while (*at && *at != request)
		at = &(*at)->next_at_work;
	if (*at)
		*at = request->next_at_work;
	pthread_mutex_unlock(&gateway->mutex);
}

/* On a worker's thread. */
static void run_request(struct job *job, struct pg *pg, struct err *e)
{
	struct request *request = (struct request *)job;
	struct identity identity = identity_now(request->gateway);
	request->exchange.identity = &identity;
	int rc = pg ? request->route->handle(&request->exchange, pg, e) : -(int)e->code;
	identity_wipe(&identity);
	if (rc)
		fail(request, e);
	else
		request->status = MHD_HTTP_OK;
	depart(request);                            /* before the device knows that it may send its next one */
	MHD_resume_connection(request->connection); /* from here on it may be gone */
}

/* ---- connections ----------------------------------------------------------------------------------------------- */

/* Without a peer, which takes memory, requests are refused. */
static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
	struct gateway *gateway = user;
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		*context = peers_began(
			&gateway->peers, MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, &gateway->proxies);
	else
		peers_ended(&gateway->peers, *context);
}

void gateway_tick(struct gateway *gateway)
{
	peers_tick(&gateway->peers);
}

/* ---- requests -------------------------------------------------------------------------------------------------- */

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result count_lengths(void *user, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	(void)value;
	*(int *)user += !strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH);
	return MHD_YES;
}

/* What can be said before a byte of the body is read. 0 when there is nothing; else the status, with *e filled. */
static unsigned check_head(struct MHD_Connection *connection, struct err *e)
{
	static const char wanted[] = "application/octet-stream";
	const char *type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE);
	const char *length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
	size_t head = sizeof wanted - 1;
	if (!type || strncasecmp(type, wanted, head) || (type[head] && type[head] != ';' && type[head] != ' ')) {
		err_set(e, ERR_INVALID, "the body must be an envelope, as %s", wanted);
		return MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
	}
	if (!length) {
		err_set(e, ERR_INVALID, "Content-Length is missing");
		return MHD_HTTP_LENGTH_REQUIRED;
	}
	if (header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
		err_set(e, ERR_INVALID, "Content-Length and Transfer-Encoding contradict each other");
		return MHD_HTTP_BAD_REQUEST;
	}
	int lengths = 0;
	MHD_get_connection_values(connection, MHD_HEADER_KIND, count_lengths, &lengths);
	if (lengths > 1) {
		err_set(e, ERR_INVALID, "Content-Length is there %d times", lengths);
		return MHD_HTTP_BAD_REQUEST;
	}
	if (strtoull(length, NULL, 10) > ENVELOPE_MAX) {
		err_set(e, ERR_LIMIT, "an envelope has at most %d bytes, not %.20s", ENVELOPE_MAX, length);
		return MHD_HTTP_CONTENT_TOO_LARGE;
	}
	return 0;
}

static enum MHD_Result keep_last(void *user, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	if (!strcasecmp(name, "X-Forwarded-For"))
		*(const char **)user = value; /* the one that the nearest proxy has written */
	return MHD_YES;
}

/* Counts a request from this client; a network of IPv6 counts as one. 0: it may come; else how long to wait. */
static int64_t count_client(struct gateway *gateway, struct MHD_Connection *connection, struct peer *peer,
                            char client[ADDRESS_TEXT])
{
	uint8_t key[LIMITS_KEY] = {0};
	const char *forwarded = NULL;
	MHD_get_connection_values(connection, MHD_HEADER_KIND, keep_last, &forwarded);
	address_of_client(&gateway->proxies, peer->address, forwarded, key);
	address_format(key, client);
	memcpy(peer->client, key, sizeof peer->client);
	if (strchr(client, ':'))
		memset(key + ADDRESS / 2, 0, ADDRESS / 2);
	pthread_mutex_lock(&gateway->mutex);
	int64_t wait_ms = limits_take(&gateway->by_address, key, clock_mono_ms());
	pthread_mutex_unlock(&gateway->mutex);
	return wait_ms;
}

static bool enter(struct gateway *gateway)
{
	pthread_mutex_lock(&gateway->mutex);
	bool open = !gateway->stopping;
	gateway->requests += open;
	pthread_mutex_unlock(&gateway->mutex);
	return open;
}

static void leave(struct gateway *gateway)
{
	pthread_mutex_lock(&gateway->mutex);
	gateway->requests--;
	pthread_cond_broadcast(&gateway->fewer);
	pthread_mutex_unlock(&gateway->mutex);
}

static enum MHD_Result refuse_route(struct MHD_Connection *connection, const char *path)
{
	const struct route *other = route_find(NULL, path);
	if (other)
		return send_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED, ERR_INVALID, "not with this method", 0,
		                  other->method);
	return send_error(connection, MHD_HTTP_NOT_FOUND, ERR_NOT_FOUND, "there is nothing under this path", 0, NULL);
}

static enum MHD_Result begin(struct gateway *gateway, struct MHD_Connection *connection, const struct route *route,
                             void **out)
{
	struct err e;
	struct peer *peer = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	char client[ADDRESS_TEXT] = "";
	int64_t wait_ms = peer ? count_client(gateway, connection, peer, client) : 0;
	if (wait_ms)
		return send_error(connection, MHD_HTTP_TOO_MANY_REQUESTS, ERR_BUSY, "too many requests from this address",
		                  wait_ms, NULL);
	unsigned status = route->envelope ? check_head(connection, &e) : 0;
	if (status)
		return send_error(connection, status, e.code, e.text, 0, NULL);
	struct request *request = peer ? calloc(1, sizeof *request) : NULL;
	if (!request || !enter(gateway)) {
		free(request);
		return send_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, ERR_BUSY, "not now: try again later", 0, NULL);
	}
	*request = (struct request){.job.run = run_request,
	                            .gateway = gateway,
	                            .connection = connection,
	                            .peer = peer,
	                            .route = route,
	                            .exchange = {.client = request->client, .began_ms = clock_mono_ms()}};
	memcpy(request->client, client, sizeof client);
	peers_turn_to(&gateway->peers, peer, PEER_BODY);
	*out = request;
	return MHD_YES;
}

static enum MHD_Result answer(struct request *request)
{
	struct buffer given = request->exchange.answer;
	const char *type =
		request->status == MHD_HTTP_OK && request->route->envelope ? "application/octet-stream" : "application/json";
	request->exchange.answer = (struct buffer){0};
	peers_turn_to(&request->gateway->peers, request->peer, PEER_ANSWER);
	return send_answer(request->connection, request->status, type, given.bytes, given.length, request->retry_ms, NULL);
}

/* Keeps a piece of the body. When there is no room for it, the rest is read and let go of, so that the answer is. */
static enum MHD_Result keep(struct request *request, const char *bytes, size_t count)
{
	if (!request->route->envelope || request->exchange.body.length + count > ENVELOPE_MAX)
		return MHD_NO; /* more than was announced: no answer could be read */
	request->crowded = request->crowded || !peers_take_room(&request->gateway->peers, request->peer, count);
	return request->crowded || !buffer_append(&request->exchange.body, bytes, count, NULL) ? MHD_YES : MHD_NO;
}

/* The request is complete: a worker gets it, and MHD leaves the connection alone until then. */
static enum MHD_Result hand_over(struct request *request)
{
	struct gateway *gateway = request->gateway;
	peers_turn_to(&gateway->peers, request->peer, PEER_WORK);
	MHD_suspend_connection(request->connection);
	struct workers *workers = request->route->envelope ? gateway->workers : gateway->health;
	struct err e = {0};
	int refused = 0;
	if (request->crowded)
		refused = err_set(&e, ERR_BUSY, "too much is under way");
	else if (request->route->one_of_each)
		refused = admit(request, &e);
	if (!refused && workers_put(workers, &request->job))
		return MHD_YES;
	if (!refused)
		err_set(&e, ERR_BUSY, "the workers have too much to do");
	run_request(&request->job, NULL, &e);
	return MHD_YES;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *bytes, size_t *count, void **context)
{
	struct request *request = *context;
	(void)version;
	if (!request) {
		const struct route *route = route_find(method, path);
		return route ? begin(user, connection, route, context) : refuse_route(connection, path);
	}
	if (request->status)
		return answer(request);
	if (!*count)
		return hand_over(request);
	enum MHD_Result kept = keep(request, bytes, *count);
	*count = 0;
	return kept;
}

static void on_completed(void *user, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode how)
{
	struct request *request = *context;
	(void)connection;
	(void)how;
	if (!request)
		return;
	peers_turn_to(&request->gateway->peers, request->peer, PEER_HEAD);
	buffer_free(&request->exchange.body);
	buffer_free(&request->exchange.answer);
	free(request);
	*context = NULL;
	leave(user);
}

/* ---- start and stop --------------------------------------------------------------------------------------------- */

static void on_log(void *user, const char *format, va_list arguments)
{
	char line[256];
	(void)user;
	vsnprintf(line, sizeof line, format, arguments);
	log_debug("libmicrohttpd: %s", line);
}

static int start_daemon(struct gateway *gateway, int fd, struct err *e)
{
	const struct gateway_options *options = gateway->options;
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)options->certificate},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)options->secret},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"},
		{MHD_OPTION_END, 0, NULL},
	};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
	unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	gateway->daemon = MHD_start_daemon(
		flags | (options->certificate ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request, gateway,
		MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, gateway, MHD_OPTION_NOTIFY_COMPLETED, on_completed, gateway, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CROWD_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, options->certificate ? tls : none, MHD_OPTION_END);
	if (gateway->daemon)
		return 0;
	close(fd);
	return options->certificate
	           ? err_set(e, ERR_CONFIG, "[server] tls_certificate and tls_key are no certificate and its key, in PEM")
	           : err_set(e, ERR_INTERNAL, "libmicrohttpd does not start");
}

static void gateway_free(struct gateway *gateway)
{
	workers_stop(gateway->workers);
	workers_stop(gateway->health);
	if (gateway->daemon)
		MHD_stop_daemon(gateway->daemon);
	workers_free(gateway->workers);
	workers_free(gateway->health);
	pthread_mutex_destroy(&gateway->mutex);
	pthread_cond_destroy(&gateway->fewer);
	peers_free(&gateway->peers);
	identity_wipe(&gateway->identity);
	free(gateway);
}

int gateway_start(struct gateway **out, const struct gateway_options *options, struct err *e)
{
	struct gateway *gateway = calloc(1, sizeof *gateway);
	char address[GATEWAY_ADDRESS_TEXT];
	int fd;
	if (!gateway)
		return err_set(e, ERR_MEMORY, "out of memory for the gateway");
	gateway->options = options;
	gateway->identity = *options->identity;
	size_t waiting_most = options->workers * REQUESTS_PER_WORKER;
	gateway->by_device.per_minute = options->requests_per_device;
	gateway->by_address.per_minute = options->requests_per_address;
	pthread_mutex_init(&gateway->mutex, NULL);
	pthread_cond_init(&gateway->fewer, NULL);
	peers_start(&gateway->peers, options->body_timeout_ms, waiting_most * ENVELOPE_MAX);
	int rc = addresses_parse(options->trusted_proxies, &gateway->proxies, e);
	if (!rc)
		rc = workers_start(&gateway->workers, options->workers, waiting_most, options->dsn, e);
	if (!rc)
		rc = workers_start(&gateway->health, 1, HEALTH_QUEUE, options->dsn, e);
	if (!rc)
		rc = gateway_listen(options->listen, !options->certificate && !options->plain_anywhere, &fd, address, e);
	if (!rc)
		rc = start_daemon(gateway, fd, e);
	if (rc) {
		gateway_free(gateway);
		return rc;
	}
	snprintf(gateway->address, sizeof gateway->address, "http%s://%s", options->certificate ? "s" : "", address);
	*out = gateway;
	return 0;
}

void gateway_renew(struct gateway *gateway, const struct identity *identity)
{
	pthread_mutex_lock(&gateway->mutex);
	gateway->identity = *identity;
	pthread_mutex_unlock(&gateway->mutex);
}

const char *gateway_address(const struct gateway *gateway)
{
	return gateway->address;
}

void gateway_stop(struct gateway *gateway)
{
	if (!gateway)
		return;
	int fd = MHD_quiesce_daemon(gateway->daemon);
	if (fd >= 0)
		close(fd);
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_MS / 1000;
	pthread_mutex_lock(&gateway->mutex);
	gateway->stopping = true;
	while (gateway->requests && !pthread_cond_clockwait(&gateway->fewer, &gateway->mutex, CLOCK_MONOTONIC, &until)) {
	}
	pthread_mutex_unlock(&gateway->mutex);
	gateway_free(gateway);
}
