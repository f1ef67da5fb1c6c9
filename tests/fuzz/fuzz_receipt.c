/* Documents of receipts, of pairing requests and answers, of questions and answers from outside. What decodes must encode again. */
#include "sync/pairing.h"
#include "sync/receipt.h"
#include "sync/verify.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct err e;
	struct receipt receipt;
	struct pairing_request request;
	struct pairing_answer answer;
	struct question question;
	struct answer proof;
	struct buffer document = {0};
	if (receipt_decode(bytes, length, &receipt, &e) == 0) {
		if (receipt_encode(&receipt, &document, &e))
			abort();
		receipt_free(&receipt);
	}
	if (pairing_request_decode(bytes, length, &request, &e) == 0 && pairing_request_encode(&request, &document, &e))
		abort();
	if (pairing_answer_decode(bytes, length, &answer, &e) == 0 && pairing_answer_encode(&answer, &document, &e))
		abort();
	if (question_decode(bytes, length, &question, &e) == 0) {
		if (question_encode(&question, &document, &e))
			abort();
		question_free(&question);
	}
	if (answer_decode(bytes, length, &proof, &e) == 0) {
		if (answer_encode(&proof, &document, &e))
			abort();
		answer_free(&proof);
	}
	buffer_free(&document);
	return 0;
}
