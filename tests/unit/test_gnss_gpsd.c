/* The gpsd driver against something that talks as gpsd does, and as gpsd should not; and that a report is the same
 * whether it comes from gpsd or from a file. */
#include "hal/clock.h"
#include "hal/gnss.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define VERSION "{\"class\":\"VERSION\",\"release\":\"3.22\",\"proto_major\":3,\"proto_minor\":14}\r\n"
#define TPV                                                                                          \
	"{\"class\":\"TPV\",\"device\":\"/dev/ttyS0\",\"mode\":3,\"time\":\"2025-04-11T23:14:08.000Z\"," \
	"\"lat\":45.065772049,\"lon\":7.65906134,\"altMSL\":257.44,\"track\":190.05,\"speed\":12.345,\"eph\":9.25}\r\n"

static int listener = -1;
static uint16_t port;

static void begin_listening(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t size = sizeof address;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(listener >= 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	port = ntohs(address.sin_port);
}

static void end_listening(void)
{
	close(listener);
}

enum { LONG_MS = 10000, SHORT_MS = 150 };

static struct gnss *open_gpsd(int64_t silence_ms)
{
	struct gnss *gnss;
	struct err e;
	char source[64];
	snprintf(source, sizeof source, "gpsd://127.0.0.1:%u", port);
	assert_int_equal(gnss_open(&gnss, source, silence_ms, &e), 0);
	assert_false(gnss_can_wait(gnss));
	return gnss;
}

static bool read_one(struct gnss *gnss, int64_t timeout_ms, struct gnss_report *out)
{
	struct err e;
	bool got = false;
	assert_int_equal(gnss_read(gnss, timeout_ms, out, &got, &e), 0);
	return got;
}

static struct gnss_report next(struct gnss *gnss)
{
	struct gnss_report report;
	assert_true(read_one(gnss, 10000, &report));
	return report;
}

/* Lets the driver connect, and takes its subscription. */
static int accept_client(struct gnss *gnss)
{
	struct gnss_report report;
	char said[512] = "";
	for (int tries = 0; poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, 0) == 0; tries++) {
		assert_true(tries < 200);
		assert_false(read_one(gnss, 50, &report));
	}
	int client = accept(listener, NULL, NULL);
	assert_true(client >= 0);
	assert_true(read(client, said, sizeof said - 1) > 0);
	assert_non_null(strstr(said, "?WATCH={\"enable\":true,\"json\":true"));
	return client;
}

static void say(int client, const char *text)
{
	assert_int_equal(write(client, text, strlen(text)), strlen(text));
}

static void it_waits_for_gpsd_and_comes_back(void **state)
{
	(void)state;
	struct gnss_report report;
	begin_listening();
	end_listening(); /* the port is known, and nobody is there */
	struct gnss *gnss = open_gpsd(LONG_MS);
	assert_int_equal(next(gnss).kind, GNSS_GONE);
	assert_false(read_one(gnss, 600, &report)); /* told once, however often it is tried */
	for (int round = 0; round < 2; round++) {
		begin_listening();
		int client = accept_client(gnss);
		assert_false(read_one(gnss, 20, &report)); /* connected is not enough: gpsd may hang */
		say(client, VERSION TPV "{\"class\":\"TPV\",\"mode\":3,\"lat\":4");
		assert_int_equal(next(gnss).kind, GNSS_BACK);
		assert_int_equal(next(gnss).kind, GNSS_POSITION);
		close(client);
		end_listening();
		assert_int_equal(next(gnss).kind, GNSS_GONE);
	}
	gnss_close(gnss);
}

/* Each time is news, so the driver must not come back at once, over and over. */
static void it_is_patient_with_one_that_greets_and_hangs_up(void **state)
{
	(void)state;
	enum { ROUNDS = 3, AT_LEAST_MS = 250 + 500 };
	begin_listening();
	struct gnss *gnss = open_gpsd(LONG_MS);
	int64_t begun = clock_mono_ms();
	for (int round = 0; round < ROUNDS; round++) {
		int client = accept_client(gnss);
		say(client, VERSION);
		assert_int_equal(next(gnss).kind, GNSS_BACK);
		close(client);
		assert_int_equal(next(gnss).kind, GNSS_GONE);
	}
	assert_true(clock_mono_ms() - begun >= AT_LEAST_MS);
	end_listening();
	gnss_close(gnss);
}

static void waking_ends_a_wait(void **state)
{
	(void)state;
	struct gnss_report report;
	begin_listening();
	struct gnss *gnss = open_gpsd(LONG_MS);
	int client = accept_client(gnss);
	int64_t begun = clock_mono_ms();
	gnss_wake(gnss);
	assert_false(read_one(gnss, 60000, &report));
	assert_true(clock_mono_ms() - begun < 5000);
	close(client);
	end_listening();
	gnss_close(gnss);
}

/* Reports that gpsd may send, and some that it should not. */
static char *make_reports(void)
{
	char *text = malloc(400000), *end = text;
	assert_non_null(text);
	end = stpcpy(end, VERSION TPV TPV "{\"class\":\"TPV\",\"mode\":1}\r\n");
	end = stpcpy(end, "{\"class\":\"TPV\",\"mode\":3,\"lat\":45.1,\"lon\":7.\r\n"); /* malformed */
	end = stpcpy(end, "{\"class\":\"SKY\",\"nSat\":9,\"uSat\":7,\"hdop\":1.2}{\"class\":\"TPV\",\"mode\":0}\r\n");
	for (int i = 0; i < 150000; i++)
		*end++ = 'x';
	end = stpcpy(end, "\r\n" TPV);
	for (int i = 0; i < 300; i++)
		end += sprintf(end, "{\"class\":\"TPV\",\"mode\":2,\"lat\":%d.12345675,\"lon\":-0.00000005,\"eph\":%d.25}\r\n",
		               i % 90, i);
	return text;
}

static void same(const struct gnss_report *a, const struct gnss_report *b)
{
	struct gnss_report x = *a, y = *b;
	x.mono_ms = y.mono_ms = 0;
	assert_int_equal(x.kind, y.kind);
	assert_int_equal(x.has_time, y.has_time);
	assert_int_equal(x.mode, y.mode);
	assert_string_equal(x.device, y.device);
	assert_int_equal(x.satellites_used, y.satellites_used);
	assert_int_equal(x.hdop_centi, y.hdop_centi);
	assert_memory_equal(&x.fix.recorded_at_ms, &y.fix.recorded_at_ms,
	                    offsetof(struct point, source) + 1 - offsetof(struct point, recorded_at_ms));
}

static void a_report_is_the_same_from_gpsd_and_from_a_file(void **state)
{
	(void)state;
	char path[] = "/tmp/alzy-gpsd-XXXXXX", source[64], *text = make_reports();
	size_t length = strlen(text), sent = 0;
	int fd = mkstemp(path), count = 0, bad = 0;
	struct gnss *replay;
	struct err e;
	assert_int_equal(write(fd, text, length), length);
	close(fd);
	snprintf(source, sizeof source, "replay:%s", path);
	assert_int_equal(gnss_open(&replay, source, 10000, &e), 0);
	begin_listening();
	struct gnss *gnss = open_gpsd(LONG_MS);
	int client = accept_client(gnss);
	bool begun = false;
	/* In pieces of odd sizes, as a network may cut them. */
	for (size_t piece = 1; sent < length; piece = piece * 7 % 4093 + 1) {
		size_t n = piece < length - sent ? piece : length - sent;
		struct gnss_report live;
		assert_int_equal(write(client, text + sent, n), n);
		sent += n;
		while (read_one(gnss, 0, &live)) {
			if (!begun)
				assert_int_equal(live.kind, GNSS_BACK);
			if (begun) {
				struct gnss_report recorded = next(replay);
				same(&live, &recorded);
				count++;
				bad += live.kind == GNSS_BAD;
			}
			begun = true;
		}
	}
	/* Loopback hands over at once, but not within the same breath. */
	struct gnss_report live;
	while (read_one(gnss, 200, &live)) {
		struct gnss_report recorded = next(replay);
		same(&live, &recorded);
		count++;
		bad += live.kind == GNSS_BAD;
	}
	assert_int_equal(count, 308);
	assert_int_equal(bad, 2);
	assert_int_equal(next(replay).kind, GNSS_END);
	gnss_close(replay);
	close(client);
	end_listening();
	gnss_close(gnss);
	unlink(path);
	free(text);
}

#define DEVICES(list) "{\"class\":\"DEVICES\",\"devices\":[" list "]}\r\n"
#define ONE           "{\"class\":\"DEVICE\",\"path\":\"/dev/ttyS0\",\"activated\":\"2026-11-22T02:57:53.652Z\"}"
#define CLOSED        "{\"class\":\"DEVICE\",\"path\":\"/dev/ttyS0\",\"activated\":0}\r\n"

static void silent(struct gnss *gnss, enum gnss_silence why)
{
	struct gnss_report report = next(gnss);
	assert_int_equal(report.kind, GNSS_SILENT);
	assert_string_equal(gnss_silence_name(report.silence), gnss_silence_name(why));
}

/* The connection is made anew, and what gpsd then says tells why. */
static void a_receiver_that_says_nothing(void **state)
{
	(void)state;
	struct gnss_report report;
	int64_t told_ms = 0;
	begin_listening();
	struct gnss *gnss = open_gpsd(SHORT_MS);
	int client = accept_client(gnss);
	say(client, VERSION DEVICES(ONE) TPV);
	assert_int_equal(next(gnss).kind, GNSS_BACK);
	assert_int_equal(next(gnss).kind, GNSS_POSITION);
	for (int round = 0; round < 2; round++) {
		int another = accept_client(gnss);
		assert_int_equal(read(client, &report, 1), 0); /* the one before was hung up */
		close(client);
		client = another;
		say(client, VERSION DEVICES(ONE));
		if (round == 0)
			silent(gnss, GNSS_SILENT_RECEIVER);
		else
			assert_true(clock_mono_ms() - told_ms >= 2 * SHORT_MS); /* ever more seldom */
		told_ms = clock_mono_ms();
		assert_false(read_one(gnss, 20, &report)); /* told once */
	}
	say(client, TPV);
	assert_int_equal(next(gnss).kind, GNSS_POSITION);
	close(client);
	end_listening();
	gnss_close(gnss);
}

static void a_gpsd_that_hangs_and_goes_on(void **state)
{
	(void)state;
	begin_listening();
	struct gnss *gnss = open_gpsd(SHORT_MS);
	int client = accept_client(gnss);
	silent(gnss, GNSS_SILENT_GPSD);
	int again = accept_client(gnss);
	say(again, VERSION DEVICES(ONE) TPV);
	assert_int_equal(next(gnss).kind, GNSS_BACK);
	assert_int_equal(next(gnss).kind, GNSS_POSITION);
	/* Once more, after it was sound. */
	close(client);
	client = accept_client(gnss);
	silent(gnss, GNSS_SILENT_GPSD);
	close(client);
	close(again);
	end_listening();
	assert_int_equal(next(gnss).kind, GNSS_GONE);
	gnss_close(gnss);
}

static void a_gpsd_without_a_receiver(void **state)
{
	(void)state;
	char said[64] = "";
	begin_listening();
	struct gnss *gnss = open_gpsd(LONG_MS);
	int client = accept_client(gnss);
	say(client, VERSION DEVICES(""));
	assert_int_equal(next(gnss).kind, GNSS_BACK);
	silent(gnss, GNSS_SILENT_NONE);
	say(client, DEVICES("") DEVICES(ONE) TPV);
	assert_int_equal(next(gnss).kind, GNSS_POSITION);
	say(client, CLOSED);
	struct gnss_report report = next(gnss);
	assert_int_equal(report.kind, GNSS_UNPLUGGED);
	assert_string_equal(report.device, "/dev/ttyS0");
	assert_true(read(client, said, sizeof said - 1) > 0);
	assert_non_null(strstr(said, "?DEVICES;"));
	say(client, DEVICES(""));
	silent(gnss, GNSS_SILENT_NONE);
	close(client);
	end_listening();
	gnss_close(gnss);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_waits_for_gpsd_and_comes_back),
		cmocka_unit_test(it_is_patient_with_one_that_greets_and_hangs_up),
		cmocka_unit_test(a_receiver_that_says_nothing),
		cmocka_unit_test(a_gpsd_that_hangs_and_goes_on),
		cmocka_unit_test(a_gpsd_without_a_receiver),
		cmocka_unit_test(waking_ends_a_wait),
		cmocka_unit_test(a_report_is_the_same_from_gpsd_and_from_a_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
