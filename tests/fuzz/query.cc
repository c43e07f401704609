#include "api/list_request.h"
#include "base/id.h"
#include "core/query/evaluate.h"
#include "core/query/filter.h"
#include "core/query/segments.h"
#include "fuzz/targets.h"
#include "json/bytes.h"
#include "json/reader.h"

namespace mayfly::fuzz {

namespace {

using query::Listed;

/// One with everything, one with nothing, and its step.
std::vector<query::Facts> rows_of(Listed what) {
  const ResourceId workspace{"wsp_1"};
  Resource owner;
  owner.id = workspace;
  if (what == Listed::workspace) return {query::facts_of_workspace(owner)};
  if (what == Listed::event)
    return {query::facts_of(Event{{"evt_1"}, "made", {"sbx_1"}, workspace, "user:ada", "", {{"a", "b"}}, Time()})};
  Task one, two;
  one.id = one.root = two.root = two.parent = {"clt_1"};
  two.id = {"clt_2"};
  one.workspace = two.workspace = workspace;
  one.source = {"evt_1"};
  one.completed_at = service_time(5);
  one.metadata = {{"region", "eu"}};
  one.work.last_error = "Disk a_b 100%";
  two.verb = Verb::stop_sandbox;
  return {query::facts_of(one), query::facts_of(two)};
}

/// Read, it means something: no row is found by it and by its negation, and what is negated twice finds the same.
void find(const query::Condition& where, Listed what) {
  const auto& entity = query::entity(what);
  query::Listing listing;
  listing.what = what;
  listing.scope = {"wsp_1"};
  listing.where = where;
  listing.order = query::newest_first();
  const auto plain = query::slice(listing, rows_of);
  listing.where = query::Condition::negation(where);
  const auto others = query::slice(listing, rows_of);
  CHECK(plain.rows.size() + others.rows.size() <= rows_of(what).size());
  for (const auto& row : plain.rows)
    for (const auto& other : others.rows) CHECK(row.id != other.id);
  listing.where = query::Condition::negation(listing.where);
  CHECK(query::slice(listing, rows_of).rows.size() == plain.rows.size());
  CHECK(query::to_text(listing.where, entity) == "(not (not " + query::to_text(where, entity) + "))");
  (void)query::tally_of(listing);
}

void check(const query::Refusal& refusal) {
  CHECK(!refusal.code.empty() && !refusal.param.empty() && json::is_text(refusal.message));
  CHECK(refusal.message.starts_with(refusal.param) && json::is_text(refusal.path));
}

void filter(const query::Value& value, Listed what, query::Spelling spelling) {
  const auto read = query::read_filter(value, {.entity = query::entity(what), .spelling = spelling});
  if (read) find(*read, what);
  else check(read.error());
}

void order(const query::Value& value, Listed what, query::Spelling spelling) {
  const auto& entity = query::entity(what);
  const auto read = query::read_order(&value, entity, spelling, "orderBy");
  if (!read) return check(read.error());
  CHECK(read->back().field == 0 && read->size() <= query::limits::sort_keys + 1);
  CHECK(query::reversed(query::reversed(*read)) == *read && query::shortest(*read, entity) == *read);
  for (const auto& row : rows_of(what)) {
    const auto keys = query::keys_of(*read, row);
    CHECK(query::segments_after(*read, entity, keys).size() <= 2 * read->size());
  }
}

/// Enough of a keyed sum here: whoever could forge a real one would get no further than who forges this one.
std::string sum(std::string_view secret, std::string_view text) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const auto part : {secret, text})
    for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  std::string bytes;
  for (int i = 0; i < 32; ++i) bytes += static_cast<char>(hash >> (i % 8 * 8));
  return bytes;
}

/// A cursor is believed in one spelling, and gives back what it holds, whatever that is.
void cursor(std::string_view input) {
  const query::Cursors cursors({{2, "new"}, {1, "old"}}, sum);
  const query::Binding binding{"cleanup task", "id desc", "(all)", "usr_1"};
  if (const auto read = cursors.read(input, binding, "after")) CHECK(cursors.make(binding, *read) == input);
  else check(read.error());

  std::vector<query::Datum> values;
  for (auto rest = input.substr(0, 300); !rest.empty(); rest.remove_prefix(std::min<std::size_t>(rest.size(), 40))) {
    if (rest[0] & 1) values.emplace_back(std::string(rest.substr(0, 40)));
    else if (rest[0] & 2) values.emplace_back(static_cast<std::int64_t>(rest.size()) << (rest[0] & 63));
    else values.emplace_back();
  }
  const auto made = cursors.make(binding, values);
  const auto read = cursors.read(made, binding, "after");
  CHECK(read && *read == values);
  if (input.empty()) return;
  auto altered = made;
  altered[static_cast<unsigned char>(input[0]) % altered.size()] ^= 1;
  CHECK(!cursors.read(altered, binding, "after"));
}

}  // namespace

/// The first byte chooses the list and its spelling; what follows is the JSON of a filter and of an order, the text of
/// an operand, a cursor, and a query string.
void query(std::string_view input) {
  if (input.empty()) return;
  const auto what = static_cast<Listed>(static_cast<unsigned char>(input[0]) % 3);
  const auto spelling = input[0] & 64 ? query::Spelling::snake : query::Spelling::camel;
  input.remove_prefix(1);
  if (const auto value = json::parse(input)) {
    const auto given = api::value_of(*value);
    filter(given, what, spelling);
    order(given, what, spelling);
  }
  // What is no UTF-8 is refused with its request.
  if (json::is_text(input))
    for (const auto& field : query::entity(what).fields)
      if (const auto read = query::read_operand(input, field, "parameter"); !read) check(read.error());
  cursor(input);

  const api::ListRules rules{.what = what, .spelling = spelling, .shorts = {}, .also = {}};
  if (const auto members = api::members_of_body(std::string(input))) {
    if (const auto wish = api::read_list(*members, rules, false)) find(wish->where, what);
    else CHECK(json::is_text(wish.error().message));
  }
}

}  // namespace mayfly::fuzz
