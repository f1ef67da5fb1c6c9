#include "agent/ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	NEWS_PLACES = 16,      /* for news about the source: gone, back, silent, end */
	HURRY_MOST = 64,       /* at most so many reports wait without a wake-up */
	KEPT_BYTES = 64 << 10, /* touched memory that is not worth giving back */
};

struct ring {
	pthread_mutex_t mutex; /* guards all that follows */
	pthread_cond_t room;
	struct gnss_report *reports;
	size_t capacity, first, count;
	size_t hurry;   /* so many reports are worth a wake-up */
	size_t touched; /* places in use since memory was last given back */
	int64_t dropped;
	enum gnss_report_kind last_kind; /* of what was pushed last, satellites aside */
	bool signalled, stopped;
	int fd;
};

int ring_open(struct ring **out, size_t capacity, struct err *e)
{
	struct ring *ring = calloc(1, sizeof *ring);
	if (!ring)
		return err_set(e, ERR_MEMORY, "out of memory for the ring of reports");
	ring->capacity = capacity + NEWS_PLACES;
	ring->hurry = capacity / 2 < HURRY_MOST ? capacity / 2 : HURRY_MOST;
	ring->last_kind = GNSS_SKY; /* which is never kept there */
	ring->reports = mmap(NULL, ring->capacity * sizeof *ring->reports, PROT_READ | PROT_WRITE,
	                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ring->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&ring->mutex, NULL);
	pthread_cond_init(&ring->room, NULL);
	int rc = 0;
	if (ring->reports == MAP_FAILED)
		rc = err_errno(e, ERR_MEMORY, "no memory for %zu reports", capacity);
	else if (ring->fd < 0)
		rc = err_errno(e, ERR_INTERNAL, "can't make an eventfd");
	if (rc) {
		ring_free(ring);
		return rc;
	}
	*out = ring;
	return 0;
}

void ring_free(struct ring *ring)
{
	if (!ring)
		return;
	if (ring->reports != MAP_FAILED)
		munmap(ring->reports, ring->capacity * sizeof *ring->reports);
	if (ring->fd >= 0)
		close(ring->fd);
	pthread_cond_destroy(&ring->room);
	pthread_mutex_destroy(&ring->mutex);
	free(ring);
}

static bool is_news(const struct gnss_report *report)
{
	return report->kind > GNSS_BAD;
}

static bool has_room(const struct ring *ring, const struct gnss_report *report)
{
	return ring->count < ring->capacity - (is_news(report) ? 0 : NEWS_PLACES);
}

static bool is_urgent(struct ring *ring, const struct gnss_report *report)
{
	bool changed = report->kind != GNSS_SKY && report->kind != ring->last_kind;
	if (changed)
		ring->last_kind = report->kind;
	return changed || ring->count >= ring->hurry;
}

/* Returns whether fd is to be made readable. */
static bool put(struct ring *ring, const struct gnss_report *report)
{
	size_t place = (ring->first + ring->count) % ring->capacity;
	ring->reports[place] = *report;
	ring->count++;
	if (place >= ring->touched)
		ring->touched = place + 1;
	bool signals = is_urgent(ring, report) && !ring->signalled;
	ring->signalled |= signals;
	return signals;
}

bool ring_push(struct ring *ring, const struct gnss_report *report, bool wait)
{
	pthread_mutex_lock(&ring->mutex);
	while (wait && !ring->stopped && !has_room(ring, report))
		pthread_cond_wait(&ring->room, &ring->mutex);
	bool room = has_room(ring, report), signals = false;
	if (room)
		signals = put(ring, report);
	else
		ring->dropped++;
	pthread_mutex_unlock(&ring->mutex);
	/* Not while holding the mutex, which the other thread, once awake, wants at once. When that one has emptied the ring
	 * already, it is woken in vain; never the other way round. */
	if (signals)
		(void)!write(ring->fd, &(uint64_t){1}, sizeof(uint64_t));
	return room;
}

void ring_stop(struct ring *ring)
{
	pthread_mutex_lock(&ring->mutex);
	ring->stopped = true;
	pthread_cond_broadcast(&ring->room);
	pthread_mutex_unlock(&ring->mutex);
}

static void begin_again(struct ring *ring)
{
	uint64_t times;
	ring->first = 0;
	/* Fails when it was to become readable and is not yet; then it is read the next time. */
	if (ring->signalled)
		ring->signalled = read(ring->fd, &times, sizeof times) < 0;
	if (ring->touched * sizeof *ring->reports > KEPT_BYTES) {
		madvise(ring->reports, ring->touched * sizeof *ring->reports, MADV_DONTNEED);
		ring->touched = 0;
	}
}

size_t ring_take(struct ring *ring, struct gnss_report *out, size_t most)
{
	pthread_mutex_lock(&ring->mutex);
	size_t taken = 0;
	for (; taken < most && ring->count; ring->count--) {
		out[taken++] = ring->reports[ring->first];
		ring->first = (ring->first + 1) % ring->capacity;
	}
	if (!ring->count)
		begin_again(ring);
	pthread_cond_signal(&ring->room);
	pthread_mutex_unlock(&ring->mutex);
	return taken;
}

size_t ring_count(struct ring *ring)
{
	pthread_mutex_lock(&ring->mutex);
	size_t count = ring->count;
	pthread_mutex_unlock(&ring->mutex);
	return count;
}

int64_t ring_dropped(struct ring *ring)
{
	pthread_mutex_lock(&ring->mutex);
	int64_t dropped = ring->dropped;
	ring->dropped = 0;
	pthread_mutex_unlock(&ring->mutex);
	return dropped;
}

int ring_fd(const struct ring *ring)
{
	return ring->fd;
}
