#pragma once
// Conditions and segments of a list as SQL, values bound.

#include "core/query/listing.h"
#include "core/query/segments.h"
#include "store/sql/database.h"
#include "store/sql/list_columns.h"

namespace mayfly::sql {

/// One statement about the rows of a listing, put together piece by piece. What it binds is copied.
class ListText {
 public:
  ListText(const Database& database, const query::Listing& listing) : database_(database), listing_(listing) {}

  /// "SELECT id, keys FROM ... WHERE scope AND condition AND segment ORDER BY ... LIMIT n"
  void select(const query::Order& order, const query::Segment& segment, std::size_t limit);
  /// "SELECT COUNT(*) ...", of at most `limit` rows where it is given.
  void count(std::optional<std::int64_t> limit);

  const std::string& text() const { return text_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }

 private:
  std::string bind(Parameter value);
  std::string bind(const query::Datum& value);
  std::string from_where();
  std::string rows_of(query::Listed what, const std::string& alias);
  std::string condition(const query::Condition& condition, query::Listed what, const std::string& alias, bool negated);
  std::string test(const query::Condition& test, query::Listed what, const std::string& alias, bool negated);
  std::string flag(const query::Condition& test, const std::string& column, bool inverted);
  std::string listed(const query::Condition& test, const std::string& subject);
  std::string match(const query::Condition& test, const std::string& subject);
  std::string related(const query::Condition& condition, query::Listed what, const std::string& alias);
  std::string bound(const query::Bound& bound, const query::Order& order);
  std::string column(query::Listed what, std::size_t place, const std::string& alias) const;

  const Database& database_;
  const query::Listing& listing_;
  std::string text_;
  std::vector<Parameter> parameters_;
  int aliases_ = 0;
};

}  // namespace mayfly::sql
