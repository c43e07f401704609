#pragma once

#include "core/query/segments.h"
#include "ports/list_table.h"
#include "store/sql/database.h"

namespace mayfly::sql {

class SqlListTable : public ListTable {
 public:
  explicit SqlListTable(Database& database) : database_(database) {}
  Result<query::Slice> slice(const query::Listing& listing) override;

 private:
  Result<query::Slice> look(const query::Listing& listing);
  Result<std::vector<query::Row>> rows(const query::Listing& listing, const query::Order& order,
                                       const std::vector<query::Segment>& segments, std::size_t limit);
  Status count(const query::Listing& listing, query::Slice& slice);
  Result<std::int64_t> sum(const query::Listing& listing, const query::Tally& tally);

  Database& database_;
};

}  // namespace mayfly::sql
