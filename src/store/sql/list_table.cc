#include "store/sql/list_table.h"

#include <algorithm>

#include "store/sql/list_text.h"

namespace mayfly::sql {

namespace {

query::Datum read_key(Row& row, const query::Field& field, const Column& column) {
  switch (field.type) {
    case query::Type::integer: case query::Type::time: case query::Type::flag: {
      const auto number = row.optional_duration();   // any integer
      return number ? query::Datum(static_cast<std::int64_t>(number->count())) : query::Datum();
    }
    case query::Type::word:
      if (field.ranked) return row.integer();
      [[fallthrough]];
    default: {
      auto text = row.optional_text();
      if (!text || (column.empty_is_null && text->empty())) return {};
      return std::move(*text);
    }
  }
}

/// What may make it slow, in a sentence for whoever asked.
Error too_slow(const query::Listing& listing) {
  const auto& entity = query::entity(listing.what);
  std::string slow;
  const auto note = [&](std::string_view what) {
    if (slow.find(what) == slow.npos) slow += (slow.empty() ? "" : ", ") + std::string(what);
  };
  const auto look = [&](const auto& self, const query::Condition& condition) -> void {
    if (condition.kind == query::Condition::Kind::related)
      note("conditions on " + std::string(condition.relation->name));
    if (condition.kind == query::Condition::Kind::test) {
      const auto& field = entity.fields[condition.field];
      if (!field.sortable && !field.indexed) note("conditions on " + std::string(field.name));
    }
    if (condition.kind != query::Condition::Kind::related)
      for (const auto& part : condition.parts) self(self, part);
  };
  look(look, listing.where);
  if (listing.order.size() > 2) note("an order of several keys");
  return {Code::timed_out,
          "the list of " + std::string(entity.name) + "s was not found within " + human(query::limits::patience) +
              "; narrow it" + (slow.empty() ? "" : ": no index helps with " + slow),
          "query_timeout",
          {}};
}

}  // namespace

Result<query::Slice> SqlListTable::slice(const query::Listing& listing) {
  database_.set_patience(query::limits::patience);
  auto slice = look(listing);
  database_.set_patience(std::nullopt);
  if (!slice && slice.error().reason == "query_timeout") return tl::unexpected(too_slow(listing));
  return slice;
}

Result<query::Slice> SqlListTable::look(const query::Listing& listing) {
  const auto& entity = query::entity(listing.what);
  const auto ahead = listing.backwards ? query::reversed(listing.order) : listing.order;
  const auto behind = query::reversed(ahead);
  query::Slice slice;
  const auto from = listing.from ? query::segments_after(ahead, entity, *listing.from)
                                 : query::segments(ahead, entity);
  slice.rows = TRY(rows(listing, ahead, from, listing.limit + 1));
  const bool more = slice.rows.size() > listing.limit;
  if (more) slice.rows.pop_back();

  bool before = false;   // on the side that the page was entered from
  if (listing.from) {
    auto segments = query::segments_after(behind, entity, slice.rows.empty() ? *listing.from : slice.rows.front().keys);
    if (slice.rows.empty()) segments.push_back(query::segment_at(ahead, *listing.from));
    before = !TRY(rows(listing, behind, segments, 1)).empty();
  }
  slice.has_next = listing.backwards ? before : more;
  slice.has_previous = listing.backwards ? more : before;
  if (listing.backwards) std::ranges::reverse(slice.rows);
  TRY(count(listing, slice));
  return slice;
}

Result<std::vector<query::Row>> SqlListTable::rows(const query::Listing& listing, const query::Order& order,
                                                   const std::vector<query::Segment>& segments, std::size_t limit) {
  const auto& entity = query::entity(listing.what);
  const auto& table = table_of(listing.what);
  std::vector<query::Row> found;
  for (const auto& segment : segments) {
    if (found.size() == limit) break;
    ListText text(database_, listing);
    text.select(order, segment, limit - found.size());
    TRY(database_.query(text.text(), text.parameters(), [&](Row& row) {
      query::Row one{row.text(), {}};
      for (const auto& key : order)
        one.keys.push_back(read_key(row, entity.fields[key.field], table.columns[key.field]));
      found.push_back(std::move(one));
    }));
  }
  return found;
}

Status SqlListTable::count(const query::Listing& listing, query::Slice& slice) {
  if (listing.total == query::Total::none) return {};
  if (const auto tally = query::tally_of(listing)) {
    slice.total = TRY(sum(listing, *tally));
    return {};
  }
  const bool bounded = listing.total == query::Total::bounded;
  ListText text(database_, listing);
  text.count(bounded ? std::optional(query::limits::counted + 1) : std::nullopt);
  const auto found = TRY(database_.first(text.text(), text.parameters(), [](Row& row) { return row.integer(); }));
  slice.total = found.value_or(0);
  if (!bounded || *slice.total <= query::limits::counted) return {};
  slice.total = query::limits::counted;
  slice.total_exact = false;
  return {};
}

Result<std::int64_t> SqlListTable::sum(const query::Listing& listing, const query::Tally& tally) {
  if ((tally.statuses && tally.statuses->empty()) || (tally.verbs && tally.verbs->empty())) return 0;
  Query query("SELECT CAST(COALESCE(SUM(tasks), 0) AS BIGINT) FROM cleanup_task_count");
  query.add(" WHERE workspace = ?", {listing.scope});
  const auto words = [](const std::vector<std::string>& list) {
    return std::vector<std::string_view>(list.begin(), list.end());
  };
  if (tally.statuses) query.add_one_of("status", words(*tally.statuses));
  if (tally.verbs) query.add_one_of("verb", words(*tally.verbs));
  const auto found =
      TRY(database_.first(query.text(), query.parameters(), [](Row& row) { return row.integer(); }));
  return found.value_or(0);
}

}  // namespace mayfly::sql
