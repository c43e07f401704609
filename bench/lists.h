#pragma once

#include <string>

namespace mayfly::bench {

/// Pages of GET /api/cleanup-tasks beside OFFSET on the same file of ten million rows (MAYFLY_BENCH_ROWS: another
/// number), over HTTP, with the work that SQLite did for each.
void lists(const std::string& bin);

}  // namespace mayfly::bench
