#pragma once
// The schema, version by version. Each step is applied in a transaction of its own and recorded in it.

#include <span>
#include <string_view>

#include "store/sql/database.h"

namespace mayfly::sql {

struct Migration {
  int version = 0;
  std::string_view script;   // {clustered} stands for what Database::clustered() says
};

/// Every version this program knows, in order.
std::span<const Migration> migrations();

/// Brings the database to the last of `steps`. unsupported when it is newer than that; then nothing is changed.
Status migrate(Database& database, std::span<const Migration> steps, Time now);

}  // namespace mayfly::sql
