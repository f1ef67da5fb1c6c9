#include "store/migrations.h"

#include "hal/embed.h"

EMBED(store_migration_0001, "store/migrations/0001_mirror.sql");
EMBED(store_migration_0002, "store/migrations/0002_people.sql");
EMBED(store_migration_0003, "store/migrations/0003_trust.sql");
EMBED(store_migration_0004, "store/migrations/0004_prune.sql");
EMBED(store_migration_0005, "store/migrations/0005_time.sql");
EMBED(store_migration_0006, "store/migrations/0006_retry.sql");
EMBED(store_migration_0007, "store/migrations/0007_former_centre.sql");
EMBED(store_migration_0008, "store/migrations/0008_identities.sql");
EMBED(store_migration_0009, "store/migrations/0009_former_keys.sql");
EMBED(store_migration_0010, "store/migrations/0010_moved.sql");
EMBED(store_migration_0011, "store/migrations/0011_guesses.sql");
EMBED(store_migration_0012, "store/migrations/0012_latest.sql");
EMBED(store_migration_0013, "store/migrations/0013_of_fix.sql");
EMBED(store_migration_0014, "store/migrations/0014_checkpoints.sql");
EMBED(store_migration_0015, "store/migrations/0015_former_device.sql");

const char *const store_migrations[STORE_VERSION] = {
	store_migration_0001, store_migration_0002, store_migration_0003, store_migration_0004, store_migration_0005,
	store_migration_0006, store_migration_0007, store_migration_0008, store_migration_0009, store_migration_0010,
	store_migration_0011, store_migration_0012, store_migration_0013, store_migration_0014, store_migration_0015,
};
