#include "hal/live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* `version` is odd while the facts are being written; a reader that sees it odd, or changed, reads again. The agent holds
 * a lock on the page as long as it lives, however it dies. */
struct live_page {
	char magic[8];
	uint32_t size;
	_Atomic uint32_t version;
	struct live_facts facts;
	struct live_sky sky;
};

static const char magic[8] = "alzyliv3";

struct live {
	int fd;
	char name[64];
	struct live_page *page;
};

static void page_name(const char *store_id, char *out, size_t size)
{
	snprintf(out, size, "/alzy-%.36s", store_id);
}

static struct flock whole_page(void)
{
	return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

static int make_page(struct live *live, struct err *e)
{
	/* A page that a dead agent has left is taken away; one that a stranger has put there can't be. */
	shm_unlink(live->name);
	live->fd = shm_open(live->name, O_RDWR | O_CREAT | O_EXCL, 0640);
	if (live->fd < 0)
		return err_errno(e, errno == EEXIST || errno == EACCES || errno == EPERM ? ERR_PERMISSION : ERR_IO,
		                 "can't make the live page /dev/shm%s", live->name);
	struct flock lock = whole_page();
	if (fcntl(live->fd, F_OFD_SETLK, &lock) || ftruncate(live->fd, sizeof *live->page))
		return err_errno(e, ERR_IO, "can't set up the live page /dev/shm%s", live->name);
	void *page = mmap(NULL, sizeof *live->page, PROT_READ | PROT_WRITE, MAP_SHARED, live->fd, 0);
	if (page == MAP_FAILED)
		return err_errno(e, ERR_IO, "can't map the live page /dev/shm%s", live->name);
	live->page = page;
	live->page->size = sizeof *live->page;
	memcpy(live->page->magic, magic, sizeof magic);
	return 0;
}

int live_open(struct live **out, const char *store_id, struct err *e)
{
	struct live *live = calloc(1, sizeof *live);
	if (!live)
		return err_set(e, ERR_MEMORY, "out of memory for the live page");
	page_name(store_id, live->name, sizeof live->name);
	int rc = make_page(live, e);
	if (rc) {
		live_close(live);
		return rc;
	}
	*out = live;
	return 0;
}

static uint32_t begin_writing(struct live_page *page)
{
	uint32_t version = atomic_load_explicit(&page->version, memory_order_relaxed);
	atomic_store_explicit(&page->version, version + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	return version;
}

static void end_writing(struct live_page *page, uint32_t version)
{
	atomic_store_explicit(&page->version, version + 2, memory_order_release);
}

void live_publish(struct live *live, const struct live_facts *facts)
{
	uint32_t version = begin_writing(live->page);
	live->page->facts = *facts;
	end_writing(live->page, version);
}

void live_publish_sight(struct live *live, const struct live_sight *sight)
{
	uint32_t version = begin_writing(live->page);
	live->page->facts.sight = *sight;
	end_writing(live->page, version);
}

void live_publish_sky(struct live *live, const char *json, size_t length)
{
	struct live_sky *sky = &live->page->sky;
	uint32_t version = begin_writing(live->page);
	sky->length = length <= sizeof sky->json ? length : 0;
	if (sky->length)
		memcpy(sky->json, json, length);
	end_writing(live->page, version);
}

void live_close(struct live *live)
{
	if (!live)
		return;
	if (live->page)
		munmap(live->page, sizeof *live->page);
	if (live->fd >= 0) {
		shm_unlink(live->name);
		close(live->fd);
	}
	free(live);
}

/* One whole part of the page, or false when the agent died while writing, or has not written anything. */
static bool copy_part(const struct live_page *page, size_t offset, size_t size, void *out)
{
	enum { TRIES = 1000 };
	for (int i = 0; i < TRIES; i++) {
		uint32_t before = atomic_load_explicit(&page->version, memory_order_acquire);
		memcpy(out, (const char *)page + offset, size);
		atomic_thread_fence(memory_order_acquire);
		uint32_t after = atomic_load_explicit(&page->version, memory_order_relaxed);
		if (before && before == after && before % 2 == 0)
			return true;
	}
	return false;
}

static bool is_ours(int fd, uint32_t owner)
{
	struct stat info;
	struct flock held = whole_page();
	return !fstat(fd, &info) && info.st_size == sizeof(struct live_page) &&
	       (info.st_uid == 0 || info.st_uid == owner) && !fcntl(fd, F_OFD_GETLK, &held) && held.l_type != F_UNLCK;
}

static int read_part(const char *store_id, uint32_t owner, size_t offset, size_t size, void *out, bool *out_found,
                     struct err *e)
{
	char name[64];
	page_name(store_id, name, sizeof name);
	int fd = shm_open(name, O_RDONLY, 0);
	if (fd < 0 && errno != ENOENT)
		return err_errno(e, errno == EACCES ? ERR_PERMISSION : ERR_IO, "can't read the live page /dev/shm%s", name);
	bool found = false;
	if (fd >= 0 && is_ours(fd, owner)) {
		const struct live_page *page = mmap(NULL, sizeof *page, PROT_READ, MAP_SHARED, fd, 0);
		if (page != MAP_FAILED) {
			found = !memcmp(page->magic, magic, sizeof magic) && page->size == sizeof *page &&
			        copy_part(page, offset, size, out);
			munmap((void *)page, sizeof *page);
		}
	}
	if (fd >= 0)
		close(fd);
	*out_found = found;
	return 0;
}

int live_read(const char *store_id, uint32_t owner, struct live_facts *out, bool *out_found, struct err *e)
{
	return read_part(store_id, owner, offsetof(struct live_page, facts), sizeof *out, out, out_found, e);
}

int live_read_sky(const char *store_id, uint32_t owner, struct live_sky *out, bool *out_found, struct err *e)
{
	int rc = read_part(store_id, owner, offsetof(struct live_page, sky), sizeof *out, out, out_found, e);
	*out_found = *out_found && out->length && out->length <= sizeof out->json;
	return rc;
}
