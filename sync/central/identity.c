#include "sync/central/identity.h"

#include "hal/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NUMBER_MAX = 99 };

/* The file of the key with this number; 0: the present one's. */
static int path_of(const char *path, int number, char out[PATH_MAX], struct err *e)
{
	int length = number ? snprintf(out, PATH_MAX, "%s.%d", path, number) : snprintf(out, PATH_MAX, "%s", path);
	return length < PATH_MAX ? 0 : err_set(e, ERR_LIMIT, "the path %s is too long", path);
}

static int add_key(struct identity *identity, const char *path, int number, struct err *e)
{
	struct key_pair key;
	char file[PATH_MAX];
	int rc = path_of(path, number, file, e);
	if (!rc)
		rc = keys_load(file, &key, e);
	if (rc)
		return number && rc == -ERR_NOT_FOUND ? 0 : rc;
	/* A rotation that was cut off has left the present key under both names. */
	bool same = number && !memcmp(key.public_key, identity->keys[0].public_key, KEY_PUBLIC);
	if (!same && identity->count == IDENTITY_KEYS_MAX)
		rc = err_set(e, ERR_LIMIT, "there are more than %d keys beside %s", IDENTITY_KEYS_MAX, path);
	else if (!same) {
		identity->numbers[identity->count] = number;
		identity->keys[identity->count++] = key;
	}
	keys_wipe(&key);
	return rc;
}

int identity_load(const char *path, struct identity *out, struct err *e)
{
	struct identity identity = {0};
	int rc = add_key(&identity, path, 0, e);
	for (int number = NUMBER_MAX; number && !rc; number--)
		rc = add_key(&identity, path, number, e);
	if (!rc)
		*out = identity;
	identity_wipe(&identity);
	return rc;
}

void identity_wipe(struct identity *identity)
{
	for (size_t i = 0; i < IDENTITY_KEYS_MAX; i++)
		keys_wipe(&identity->keys[i]);
	identity->count = 0;
}

struct identity_mark identity_mark(const char *path)
{
	struct mark {
		uint64_t device, inode, size;
		struct timespec written, changed; /* … its rights, as well */
	} files[NUMBER_MAX + 1] = {{0}};
	struct identity_mark mark = {{0}};
	for (int number = 0; number <= NUMBER_MAX; number++) {
		char file[PATH_MAX];
		struct stat info;
		if (!path_of(path, number, file, NULL) && !stat(file, &info))
			files[number] = (struct mark){info.st_dev, info.st_ino, (uint64_t)info.st_size, info.st_mtim, info.st_ctim};
	}
	keys_digest(files, sizeof files, mark.bytes);
	return mark;
}

/* Whoever rotates, the new key is for whom the present one is for. */
static int give_to_owner(const char *next_path, const char *path, struct err *e)
{
	struct stat info;
	if (stat(path, &info) || (info.st_uid != geteuid() && chown(next_path, info.st_uid, info.st_gid)))
		return err_errno(e, ERR_PERMISSION, "can't give %s to the owner of %s", next_path, path);
	return 0;
}

/* Gives the present key its name among those before; it keeps the other until the new one takes its place. */
static int keep_present(const char *path, const struct identity *identity, struct err *e)
{
	char kept[PATH_MAX];
	struct key_pair there;
	int number = identity->count > 1 ? identity->numbers[1] + 1 : 1;
	int rc = number > NUMBER_MAX ? err_set(e, ERR_LIMIT, "%s.%d is the last number there is", path, NUMBER_MAX)
	                             : path_of(path, number, kept, e);
	if (rc || !link(path, kept))
		return rc;
	if (errno != EEXIST)
		return err_errno(e, ERR_IO, "can't keep %s as %s", path, kept);
	rc = keys_load(kept, &there, e);
	if (!rc && memcmp(there.public_key, identity->keys[0].public_key, KEY_PUBLIC))
		rc = err_set(e, ERR_BUSY, "another rotation of %s is under way", path);
	keys_wipe(&there);
	return rc;
}

int identity_rotate(const char *path, struct identity *out, struct err *e)
{
	struct identity identity;
	struct key_pair next;
	char next_path[PATH_MAX];
	int rc = identity_load(path, &identity, e);
	if (rc)
		return rc;
	if (identity.count == IDENTITY_KEYS_MAX)
		rc = err_set(e, ERR_LIMIT, "there are %d keys already: take the oldest away when no unit needs it any more",
		             IDENTITY_KEYS_MAX);
	else if ((size_t)snprintf(next_path, sizeof next_path, "%s.next", path) >= sizeof next_path)
		rc = err_set(e, ERR_LIMIT, "the path %s is too long", path);
	if (!rc)
		rc = keys_load_or_create(next_path, &next, e);
	if (!rc) {
		keys_wipe(&next);
		rc = give_to_owner(next_path, path, e);
	}
	if (!rc)
		rc = keep_present(path, &identity, e);
	if (!rc)
		rc = file_rename(next_path, path, e);
	identity_wipe(&identity);
	return rc ? rc : identity_load(path, out, e);
}

static int not_for_us(struct err *e)
{
	return err_set(e, ERR_FORGED,
	               "this was not sealed for the key of this centre, or was changed on the way: if the"
	               " centre has a new key, ask for a new link (alzy-central device pair)");
}

int identity_check(const struct identity *identity, const void *bytes, size_t length, struct letter *out, struct err *e)
{
	struct letter letter = {.bytes = bytes, .length = length};
	int rc = envelope_peek(bytes, length, &letter.head, e);
	if (rc)
		return rc;
	rc = -ERR_FORGED;
	/* The signature names the recipient: with another key than the right one it is none. */
	for (size_t i = 0; i < identity->count && rc == -ERR_FORGED; i++) {
		memcpy(letter.recipient, identity->keys[i].public_key, KEY_PUBLIC);
		rc = envelope_check(bytes, length, letter.head.kind, letter.recipient, letter.head.sender, e);
	}
	if (!rc)
		*out = letter;
	return rc == -ERR_FORGED ? not_for_us(e) : rc;
}

int identity_open(const struct identity *identity, const struct letter *letter, struct buffer *out, size_t *out_index,
                  struct err *e)
{
	for (size_t i = 0; i < identity->count; i++) {
		if (memcmp(identity->keys[i].public_key, letter->recipient, KEY_PUBLIC) != 0)
			continue;
		*out_index = i;
		return envelope_unseal(letter->bytes, letter->length, &identity->keys[i], out, e);
	}
	return not_for_us(e);
}
