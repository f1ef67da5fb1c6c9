#include "sync/dictionary.h"

/* What is most frequent stands last, where zstd reaches it with the least bits. docs/protocol.md has the same lines. */
const char dictionary[] =
	/* pairing */
	"{\"sender\":\"\",\"token\":\"\",\"store_id\":\"\",\"host_name\":\"\"}"
	"{\"token\":\"\",\"device_id\":1,\"device_name\":\"\",\"centre_ms\":17}"
	/* the less frequent members of receipts and batches */
	"\"missing\":[[\"rejected\":[{\"seq\":,\"code\":\"conflict\",\"reason\":\"\"}],\"rejected_total\":1,\"known\":"
	"\"lost\":\"user_id machine_id application_id\"\"status\":\"paused\"\"status\":\"ended\",\"ended_at_ms\":17"
	"\"application_id\":1,\"payload\":\"{\\\"reason\\\":\\\"\\\"version\\\":\\\"0.1.0\\\"}\"\"event_type\":\"mark\""
	"\"agent_stop\"\"agent_start\"\"gnss_gone\"\"gnss_back\"\"session_pause\"\"session_resume\"\"fix_lost\""
	"\"fix_regained\",\"payload\":\"{\\\"mode\\\":3,\\\"device\\\":\\\"/dev/ttyACM0\\\"}\""
	"\"session_end\"\"session_start\",\"payload\":\"{\\\"by\\\":\\\"agent\\\"}\"},{\"seq\":"
	/* a receipt */
	"{\"store_id\":\"\",\"exchange\":1,\"batch_digest\":\"\",\"centre_ms\":17,"
	"\"points\":{\"accounted\":[[1,1]],\"fresh\":1},\"events\":{\"accounted\":[[1,1]],\"fresh\":1},"
	"\"sessions\":[{\"session_id\":\"\",\"revision\":1}],"
	"\"device\":{\"id\":1,\"name\":\"\",\"color\":\"\",\"active\":true}}"
	/* a batch */
	"{\"sender\":\"\",\"store_id\":\"\",\"exchange\":1,\"points\":{\"last_seq\":1,\"ranges\":[[1,1]]},"
	"\"events\":{\"last_seq\":1,\"rows\":[{\"seq\":1,\"event_at_ms\":17,\"session_id\":\"\",\"event_type\":\"\"}]},"
	"\"sessions\":[{\"session_id\":\"\",\"user_id\":\"\",\"machine_id\":\"\",\"status\":\"active\","
	"\"started_at_ms\":17,\"revision\":1}],"
	"\"state\":{\"version\":\"0.1.0\",\"unsent_points\":1,\"unsent_events\":1,\"oldest_unsent_ms\":17,"
	"\"free_bytes\":1,\"clock_ms\":17";
const size_t dictionary_length = sizeof dictionary - 1;
