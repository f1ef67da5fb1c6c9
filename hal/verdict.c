#include "hal/verdict.h"

static const char *const names[VERDICT_COUNT] = {
#define X(name, text, help) text,
	VERDICT_LIST(X)
#undef X
};

const char *verdict_name(enum verdict verdict)
{
	return names[verdict];
}
