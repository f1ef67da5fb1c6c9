/* The SQL that makes a store, version by version, embedded at build. */
#ifndef ALZY_STORE_MIGRATIONS_H
#define ALZY_STORE_MIGRATIONS_H

/* "alzy" in ASCII: what `file` and SQLite's application_id tell a store by. */
#define STORE_APPLICATION_ID 0x616c7a79

enum { STORE_VERSION = 15 };

/* The SQL that takes a store of version i to i + 1. Each is run in one transaction. */
extern const char *const store_migrations[STORE_VERSION];

#endif
