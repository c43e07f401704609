#include "app/lists.h"

#include <array>
#include <charconv>

#include "app/seat.h"

namespace mayfly {

namespace {

constexpr std::string_view keys_setting = "cursor.keys";
constexpr Duration key_age = 30 * 24h;
constexpr std::size_t keys_kept = 2;
// Of one member: they stand in the question, one by one.
constexpr std::size_t most_workspaces = 500;

std::string random_hex(Random& random) {
  std::array<unsigned char, 32> bytes;
  random.fill(bytes.data(), bytes.size());
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

struct KeptKey {
  query::CursorKey key;
  Time made_at{};
};

/// "number secret microseconds", one a line, the newest first.
std::string to_text(const std::vector<KeptKey>& keys) {
  std::string text;
  for (const auto& kept : keys)
    text += std::to_string(kept.key.number) + " " + kept.key.secret + " " +
            std::to_string(microseconds(kept.made_at)) + "\n";
  return text;
}

std::int64_t number_in(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::vector<KeptKey> read_keys(std::string_view text) {
  std::vector<KeptKey> keys;
  for (auto end = text.find('\n'); end != text.npos; end = text.find('\n')) {
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    const auto first = line.find(' ');
    const auto second = line.rfind(' ');
    if (first == line.npos || second == first) continue;
    keys.push_back({{static_cast<std::uint8_t>(number_in(line.substr(0, first))),
                     std::string(line.substr(first + 1, second - first - 1))},
                    service_time(number_in(line.substr(second + 1)))});
  }
  return keys;
}

}  // namespace

query::Binding Lists::binding(const Caller& caller, const query::Listing& listing) const {
  const auto& entity = query::entity(listing.what);
  return {std::string(entity.name), query::to_text(listing.order, entity), query::to_text(listing.where, entity),
          caller.user.text + " " + listing.scope.text};
}

query::Read<query::Listing> Lists::listing(const Caller& caller, query::Listed what, ListWish wish) const {
  query::Listing listing;
  listing.what = what;
  listing.scope = caller.workspace;
  listing.where = std::move(wish.where);
  listing.order = std::move(wish.order);
  listing.limit = wish.limit;
  listing.total = wish.total;
  listing.backwards = wish.before.has_value();
  const auto& cursor = wish.before ? wish.before : wish.after;
  if (!cursor) return listing;
  auto values = cursors_.read(*cursor, binding(caller, listing), wish.before ? "before" : wish.after_param);
  if (!values) return tl::unexpected(std::move(values).error());
  listing.from = std::move(*values);
  return listing;
}

Result<query::Listing> Lists::narrowed(Transaction& t, const Caller& caller, query::Listing listing) const {
  const bool whole = caller.role == Role::admin && caller.only.empty();   // of the installation
  const auto& entity = query::entity(listing.what);
  const auto only = [&](std::vector<query::Datum> scopes) {
    listing.everywhere = true;
    listing.where = query::Condition::all({std::move(listing.where),
                                           query::Condition::test(entity.scope, query::Op::in, std::move(scopes))});
  };
  if (listing.what == query::Listed::trash_item) {
    std::vector<query::Datum> scopes = {caller.workspace.text};
    if (whole) scopes.emplace_back(TRY(t.resources().get(caller.workspace)).parent.text);
    only(std::move(scopes));
  } else if (listing.what == query::Listed::workspace && whole) {
    listing.everywhere = true;
  } else if (listing.what == query::Listed::workspace) {
    std::vector<query::Datum> ids;
    for (const auto& id : caller.only) {
      const auto seat = seat_in(t, caller.user, caller.role, caller.only, id.text);
      if (seat) ids.emplace_back(id.text);
      else if (seat.error().code != Code::not_found) return tl::unexpected(seat.error());
    }
    if (caller.only.empty())
      for (const auto& row : TRY(t.identities().workspaces(caller.user, {.before = {}, .limit = most_workspaces})))
        ids.emplace_back(row.resource.id.text);
    only(std::move(ids));
    // Nobody but an admin sees one that is in the trash or on its way out.
    listing.where = query::Condition::all(
        {std::move(listing.where),
         query::Condition::test(query::place_of(entity, "state"), query::Op::eq, {std::string("active")})});
  }
  return listing;
}

template <class Item, class Get>
Result<ListPage<Item>> Lists::page(const Caller& caller, const query::Listing& listing, Get get) {
  return store_.read([&](Transaction& t) -> Result<ListPage<Item>> {
    auto slice = TRY(t.lists().slice(TRY(narrowed(t, caller, listing))));
    ListPage<Item> page{{}, slice.has_next, slice.has_previous, slice.total, slice.total_exact, {}, {}};
    for (const auto& row : slice.rows) page.items.push_back(TRY(get(t, row.id)));
    if (slice.rows.empty()) return page;
    const auto bound = binding(caller, listing);
    page.start_cursor = cursors_.make(bound, slice.rows.front().keys);
    page.end_cursor = cursors_.make(bound, slice.rows.back().keys);
    return page;
  });
}

Result<ListPage<Task>> Lists::cleanup_tasks(const Caller& caller, const query::Listing& listing) {
  return page<Task>(caller, listing, [](Transaction& t, const std::string& id) { return t.tasks().get({id}); });
}

Result<ListPage<Event>> Lists::events(const Caller& caller, const query::Listing& listing) {
  return page<Event>(caller, listing, [](Transaction& t, const std::string& id) { return t.events().get({id}); });
}

Result<ListPage<Entry>> Lists::entries(const Caller& caller, const query::Listing& listing) {
  return page<Entry>(caller, listing, [](Transaction& t, const std::string& id) { return entry_of(t, {id}); });
}

Result<ListPage<Trashed>> Lists::trash(const Caller& caller, const query::Listing& listing) {
  return page<Trashed>(caller, listing, [](Transaction& t, const std::string& id) -> Result<Trashed> {
    auto row = TRY(t.trash().find({id}));
    CHECK(row.has_value());
    return std::move(*row);
  });
}

Result<ListPage<Hold>> Lists::holds(const Caller& caller, const query::Listing& listing) {
  return page<Hold>(caller, listing, [](Transaction& t, const std::string& id) { return t.holds().get({id}); });
}

Result<std::vector<query::CursorKey>> cursor_keys(Store& store, Random& random) {
  auto kept = TRY(store.write([&](Transaction& t) -> Result<std::vector<KeptKey>> {
    const auto text = TRY(t.settings().get(std::string(keys_setting)));
    auto keys = text ? read_keys(*text) : std::vector<KeptKey>();
    if (!keys.empty() && t.now() - keys.front().made_at < key_age) return keys;
    const auto number = keys.empty() ? 1 : keys.front().key.number % 255 + 1;
    keys.insert(keys.begin(), {{static_cast<std::uint8_t>(number), random_hex(random)}, t.now()});
    if (keys.size() > keys_kept) keys.resize(keys_kept);
    TRY(t.settings().put(std::string(keys_setting), to_text(keys)));
    return keys;
  }));
  std::vector<query::CursorKey> keys;
  for (auto& one : kept) keys.push_back(std::move(one.key));
  return keys;
}

}  // namespace mayfly
