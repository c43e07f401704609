#pragma once
// One question for a page of a list, and its answer.

#include "base/id.h"
#include "base/time.h"
#include "core/query/condition.h"
#include "core/query/order.h"

namespace mayfly::query {

enum class Total { bounded, exact, none };

struct Listing {
  Listed what = Listed::cleanup_task;
  ResourceId scope;                           // nothing outside this workspace is seen, in no relation either
  bool everywhere = false;                    // but for the rows themselves: `where` says whose they are
  Condition where;
  Order order;                                // as `shortest` makes it
  std::optional<std::vector<Datum>> from;     // the values of the order's keys in the row that the page begins after
  bool backwards = false;                     // the page ends before it
  std::size_t limit = 100;
  Total total = Total::bounded;
};

namespace limits {
constexpr std::size_t page = 100;
constexpr std::int64_t counted = 10'000;      // rows; a total beyond is "at least"
constexpr Duration patience = 2s;             // for all statements of one answer
}  // namespace limits

struct Row {
  std::string id;
  std::vector<Datum> keys;                    // of the order, for cursors
};

struct Slice {
  std::vector<Row> rows;                      // in the order of the list, whichever way they were found
  bool has_next = false;
  bool has_previous = false;
  std::optional<std::int64_t> total;
  bool total_exact = true;                    // else there are at least so many
};

/// A condition that counters can answer: what cleanup tasks of a workspace are counted by, and nothing else.
struct Tally {
  std::optional<std::vector<std::string>> statuses;   // nothing: any
  std::optional<std::vector<std::string>> verbs;
};
std::optional<Tally> tally_of(const Listing& listing);

}  // namespace mayfly::query
