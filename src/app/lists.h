#pragma once
// Lists, page by page: what is asked was read by core/query, what is found are whole things, and the places between
// pages are signed.

#include "app/forest.h"
#include "core/caller.h"
#include "core/query/cursor.h"
#include "core/query/listing.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly {

/// What a client asks of a list. Of the cursors, as they came, at most one.
struct ListWish {
  query::Condition where;
  query::Order order = query::newest_first();
  std::optional<std::string> after;
  std::optional<std::string> before;
  std::string after_param = "after";     // as it is called, for refusals
  std::size_t limit = query::limits::page;
  query::Total total = query::Total::bounded;
};

template <class Item>
struct ListPage {
  std::vector<Item> items;
  bool has_next = false;
  bool has_previous = false;
  std::optional<std::int64_t> total;
  bool total_exact = true;
  std::string start_cursor;      // empty when there are no items
  std::string end_cursor;
};

class Lists {
 public:
  Lists(Store& store, query::Cursors cursors) : store_(store), cursors_(std::move(cursors)) {}

  /// The question for the store, in the caller's workspace. Refused: a cursor that is not of this very list.
  query::Read<query::Listing> listing(const Caller& caller, query::Listed what, ListWish wish) const;

  /// For lists that are pages of ids and no more.
  const query::Cursors& cursors() const { return cursors_; }

  Result<ListPage<Task>> cleanup_tasks(const Caller& caller, const query::Listing& listing);
  Result<ListPage<Event>> events(const Caller& caller, const query::Listing& listing);
  Result<ListPage<Entry>> entries(const Caller& caller, const query::Listing& listing);
  Result<ListPage<Trashed>> trash(const Caller& caller, const query::Listing& listing);
  Result<ListPage<Hold>> holds(const Caller& caller, const query::Listing& listing);

 private:
  /// Of things that no single workspace holds, those that are this caller's: workspaces that they may see, and the
  /// trash of their workspace, for admins with the workspaces that are in it. All other lists are as they were.
  Result<query::Listing> narrowed(Transaction& t, const Caller& caller, query::Listing listing) const;
  query::Binding binding(const Caller& caller, const query::Listing& listing) const;
  template <class Item, class Get>
  Result<ListPage<Item>> page(const Caller& caller, const query::Listing& listing, Get get);

  Store& store_;
  query::Cursors cursors_;
};

/// The keys that cursors are signed with: made at the first start, and a new one at the first start after a month. The
/// one before it is believed as long.
Result<std::vector<query::CursorKey>> cursor_keys(Store& store, Random& random);

}  // namespace mayfly
