#include "hal/reference.h"

#include <stdlib.h>

void reference_free(struct reference *reference)
{
	if (!reference)
		return;
	free(reference->organizations);
	free(reference->applications);
	free(reference->users);
	free(reference->application_users);
	free(reference->machines);
	*reference = (struct reference){0};
}
