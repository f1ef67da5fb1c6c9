/* The only file that includes curl. */
#include "sync/carrier.h"

#include "hal/json.h"
#include "hal/rows.h"
#include "sync/envelope.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ANSWER_MAX = ENVELOPE_MAX + 4096, /* an envelope, or a page of error that somebody in between wrote */
	RETRY_MOST_S = 3600,
	URL_MAX = 2 * NAME_TEXT,
	CONNECT_MOST_MS = 30000,
	ERROR_NAME_TEXT = 32,
};

#define MEDIA_TYPE "application/octet-stream"

struct https {
	struct carrier carrier; /* first, so that a pointer to it is a pointer to this */
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	char url[NAME_TEXT];
	int64_t timeout_ms;
	int give_up_fd;
	bool under_way;
	bool too_large;
	struct buffer answer;
	char detail[CURL_ERROR_SIZE];
};

/* What curl says, in words that tell a technician where to look. */
static const struct {
	CURLcode code;
	const char *what, *check;
} failures[] = {
	{CURLE_COULDNT_RESOLVE_HOST, "the name of the centre can't be resolved",
     "is there a network with a name server, and is the name right?"},
	{CURLE_COULDNT_RESOLVE_PROXY, "the name of the proxy can't be resolved", "check https_proxy in the environment"},
	{CURLE_COULDNT_CONNECT, "nobody answers there", "is there a network, and is the centre running?"},
	{CURLE_OPERATION_TIMEDOUT, "no answer in time", "is the network very slow or the centre stuck? see [sync] timeout"},
	{CURLE_PEER_FAILED_VERIFICATION, "its certificate is not to be trusted",
     "check the clock of this unit, the certificate of the centre, and [sync] ca_file"},
	{CURLE_SSL_CACERT_BADFILE, "the file of trusted certificates can't be used", "check [sync] ca_file"},
	{CURLE_SSL_CONNECT_ERROR, "no secure connection could be made",
     "does the centre speak HTTPS at this address and port?"},
	{CURLE_GOT_NOTHING, "it closed the connection without an answer",
     "look at the log of the centre, and whether it wants https"},
	{CURLE_SEND_ERROR, "the connection broke while sending", "the network may be weak"},
	{CURLE_RECV_ERROR, "the connection broke while waiting for the answer", "the network may be weak"},
	{CURLE_PARTIAL_FILE, "the answer was cut off in the middle", "the network may be weak"},
	{CURLE_UNSUPPORTED_PROTOCOL, "what answers there does not speak HTTP", "check address and port"},
	{CURLE_WEIRD_SERVER_REPLY, "what answers there does not speak HTTP", "check address and port"},
};

static int explain_curl(const struct https *h, CURLcode code, struct err *e)
{
	if (h->too_large || code == CURLE_FILESIZE_EXCEEDED)
		return err_set(e, ERR_LIMIT, "%s: the answer is larger than any that a centre gives", h->url);
	const char *what = "the exchange failed", *check = "check the network";
	const char *detail = h->detail[0] ? h->detail : curl_easy_strerror(code);
	/* Curl tells here after how many milliseconds, which would make the same failure look like a new one each time. */
	if (code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT) {
		long number = 0;
		curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &number);
		detail = number ? strerror((int)number) : curl_easy_strerror(code);
	}
	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
		if (failures[i].code == code) {
			what = failures[i].what;
			check = failures[i].check;
		}
	return err_set(e, ERR_NETWORK, "%s: %s (%s): %s", h->url, what, detail, check);
}

static size_t take_body(char *bytes, size_t size, size_t count, void *user)
{
	struct https *h = user;
	size_t length = size * count;
	h->too_large = h->answer.length + length > ANSWER_MAX;
	if (h->too_large || buffer_append(&h->answer, bytes, length, NULL))
		return 0; /* makes curl end the exchange */
	return length;
}

/* The text comes from outside and goes to terminals and logs. */
static void take_out_controls(char *text)
{
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
}

/* {"error": "NAME", "message": "…"}, as alzy-central answers; false for anything else. */
static bool read_error(const struct buffer *answer, char name[ERROR_NAME_TEXT], char message[ERR_TEXT_MAX])
{
	cJSON *json;
	if (!answer->length || json_parse((const char *)answer->bytes, answer->length, &json, NULL))
		return false;
	bool understood = !json_get_text(json, "error", name, ERROR_NAME_TEXT, NULL) &&
	                  !json_get_text(json, "message", message, 400, NULL);
	cJSON_Delete(json);
	if (understood)
		take_out_controls(message);
	return understood;
}

static int explain_status(struct https *h, long status, struct err *e)
{
	char name[ERROR_NAME_TEXT] = "", message[ERR_TEXT_MAX] = "";
	bool alzy = read_error(&h->answer, name, message);
	h->carrier.refused_this = (status == 400 && strcmp(name, err_name(ERR_VERSION))) || status == 413 ||
	                          status == 500 || (status == 403 && alzy);
	if (status >= 500 || status == 429)
		return err_set(e, ERR_CENTRE, "%s can't serve now (HTTP status %ld)%s%s", h->url, status, alzy ? ": " : "",
		               message);
	if (status >= 400 && alzy)
		return err_set(e, ERR_REFUSED, "%s refuses: %s", h->url, message);
	if (status >= 300 && status < 400)
		return err_set(e, ERR_NETWORK,
		               "%s sends us elsewhere (HTTP status %ld), which is not followed: does the network want a "
		               "login, or does the centre have another address now?",
		               h->url, status);
	return err_set(e, ERR_NETWORK, "%s: what answers there is no alzy centre (HTTP status %ld): check the address",
	               h->url, status);
}

static int judge(struct https *h, struct err *e)
{
	long status = 0;
	const char *type = NULL;
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &type);
	if (status != 200)
		return explain_status(h, status, e);
	if (!type || strcmp(type, MEDIA_TYPE))
		return err_set(
			e, ERR_NETWORK,
			"%s: what answers there is no alzy centre (a page of type %.60s): does the network want a login?", h->url,
			type ? type : "unknown");
	return 0;
}

static int64_t asked_ms(const struct https *h)
{
	curl_off_t seconds = 0;
	curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &seconds);
	if (seconds < 0)
		seconds = 0;
	return (seconds > RETRY_MOST_S ? RETRY_MOST_S : seconds) * 1000;
}

static int https_start(struct carrier *carrier, const char *path, const void *bytes, size_t count, struct err *e)
{
	struct https *h = (struct https *)carrier;
	char url[URL_MAX];
	if (h->under_way)
		return err_set(e, ERR_INTERNAL, "an exchange is under way already");
	if ((size_t)snprintf(url, sizeof url, "%s%s", h->url, path) >= sizeof url)
		return err_set(e, ERR_LIMIT, "the address of the centre is too long");
	h->answer.length = 0;
	h->too_large = false;
	h->detail[0] = '\0';
	if (curl_easy_setopt(h->easy, CURLOPT_URL, url) || curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, bytes) ||
	    curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count) ||
	    curl_multi_add_handle(h->multi, h->easy))
		return err_set(e, ERR_MEMORY, "out of memory for an exchange");
	h->under_way = true;
	/* A connection that is open takes all of a usual batch here; what is left goes out in https_finish. */
	int running;
	if (curl_multi_perform(h->multi, &running))
		return 0; /* https_finish meets it again, and says what it is */
	curl_multi_perform(h->multi, &running);
	return 0;
}

/* Moves bytes until the exchange is over, and says how curl sees it. */
static int drive(struct https *h, CURLcode *out_code, struct err *e)
{
	for (;;) {
		int running = 0, left = 0;
		CURLMcode failed = curl_multi_perform(h->multi, &running);
		CURLMsg *message = curl_multi_info_read(h->multi, &left);
		if (message && message->msg == CURLMSG_DONE) {
			*out_code = message->data.result;
			return 0;
		}
		struct curl_waitfd give_up = {.fd = h->give_up_fd, .events = CURL_WAIT_POLLIN};
		if (!failed)
			failed = curl_multi_poll(h->multi, &give_up, h->give_up_fd >= 0, 1000, NULL);
		if (failed)
			return err_set(e, ERR_INTERNAL, "curl: %s", curl_multi_strerror(failed));
		if (give_up.revents)
			return err_set(e, ERR_NETWORK, "%s: given up, because this program is to end", h->url);
	}
}

static int https_finish(struct carrier *carrier, struct buffer *out, int64_t *out_retry_ms, struct err *e)
{
	struct https *h = (struct https *)carrier;
	CURLcode code = CURLE_OK;
	*out_retry_ms = 0;
	carrier->refused_this = false;
	if (!h->under_way)
		return err_set(e, ERR_INTERNAL, "no exchange is under way");
	int rc = drive(h, &code, e);
	if (!rc && code)
		rc = explain_curl(h, code, e);
	else if (!rc) {
		*out_retry_ms = asked_ms(h);
		rc = judge(h, e);
	}
	curl_multi_remove_handle(h->multi, h->easy);
	h->under_way = false;
	return rc ? rc : buffer_append(out, h->answer.bytes, h->answer.length, e);
}

static void https_close(struct carrier *carrier)
{
	struct https *h = (struct https *)carrier;
	if (!h)
		return;
	if (h->under_way)
		curl_multi_remove_handle(h->multi, h->easy);
	curl_easy_cleanup(h->easy);
	curl_multi_cleanup(h->multi);
	curl_slist_free_all(h->headers);
	buffer_free(&h->answer);
	free(h);
	curl_global_cleanup();
}

static bool set_up(struct https *h, const char *ca_file)
{
	CURL *c = h->easy;
	int64_t connect_ms = h->timeout_ms < CONNECT_MOST_MS ? h->timeout_ms : CONNECT_MOST_MS;
	/* Without a waiting "Expect: 100-continue", which costs a round trip. */
	struct curl_slist *first = curl_slist_append(NULL, "Expect:");
	h->headers = first ? curl_slist_append(first, "Content-Type: " MEDIA_TYPE) : NULL;
	if (!h->headers) {
		curl_slist_free_all(first);
		return false;
	}
	CURLcode failed = curl_easy_setopt(c, CURLOPT_POST, 1L);
	failed |= curl_easy_setopt(c, CURLOPT_HTTPHEADER, h->headers);
	failed |= curl_easy_setopt(c, CURLOPT_USERAGENT, "alzy/" ALZY_VERSION);
	failed |= curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	failed |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	failed |= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	failed |= curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)ANSWER_MAX);
	failed |= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)h->timeout_ms);
	failed |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	failed |= curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	failed |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	/* A name server that does not answer must not hold up the end of the program. */
	failed |= curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
	failed |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	failed |= curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
	failed |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->detail);
	if (ca_file[0]) {
		failed |= curl_easy_setopt(c, CURLOPT_CAINFO, ca_file);
		/* Only this file: the system's folder of certificates would count too otherwise. */
		failed |= curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	}
	return !failed;
}

int carrier_https(struct carrier **out, const char *url, const char *ca_file, int64_t timeout_ms, struct err *e)
{
	if (strncmp(url, "http://", 7) && strncmp(url, "https://", 8))
		return err_set(e, ERR_INVALID, "the address of the centre, \"%s\", begins neither with https:// nor http://",
		               url);
	if (strlen(url) >= NAME_TEXT)
		return err_set(e, ERR_LIMIT, "the address of the centre is too long");
	if (ca_file[0] && access(ca_file, R_OK))
		return err_errno(e, ERR_CONFIG, "[sync] ca_file: can't read %s", ca_file);
	struct https *h = calloc(1, sizeof *h);
	if (!h || curl_global_init(CURL_GLOBAL_DEFAULT)) {
		free(h);
		return err_set(e, ERR_MEMORY, "out of memory for a connection");
	}
	h->carrier = (struct carrier){.start = https_start, .finish = https_finish, .close = https_close};
	h->timeout_ms = timeout_ms;
	h->give_up_fd = -1;
	snprintf(h->url, sizeof h->url, "%s", url);
	h->multi = curl_multi_init();
	h->easy = curl_easy_init();
	if (!h->multi || !h->easy || !set_up(h, ca_file)) {
		https_close(&h->carrier);
		return err_set(e, ERR_MEMORY, "out of memory for a connection");
	}
	*out = &h->carrier;
	return 0;
}

void carrier_https_give_up_on(struct carrier *carrier, int fd)
{
	((struct https *)carrier)->give_up_fd = fd;
}
