#pragma once

#include "base/result.h"
#include "core/query/listing.h"

namespace mayfly {

/// Lists of every entity that core/query/entity.h knows.
class ListTable {
 public:
  virtual ~ListTable() = default;
  /// One page, whether there are rows on either side of it, and how many there are. timed_out "query_timeout": what the
  /// condition asks for has no index that leads to it, and the rows are too many to look at.
  virtual Result<query::Slice> slice(const query::Listing& listing) = 0;
};

}  // namespace mayfly
