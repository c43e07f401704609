#pragma once
// The rows of the in-memory store: plain maps in key order, and a journal that takes changes back.

#include <functional>
#include <map>
#include <iterator>
#include <optional>
#include <type_traits>
#include <vector>

#include "ports/forest_tables.h"

namespace mayfly::memory {

struct Rows {
  std::map<ResourceId, Sandbox> sandboxes;      // their lifetimes are below
  std::map<ResourceId, Archive> archives;       // the same
  std::map<ResourceId, Volume> volumes;         // the same
  std::map<ResourceId, Runtime> runtimes;
  std::map<ResourceId, Lifetime> lifetimes;
  std::map<TaskId, Task> tasks;
  std::map<std::pair<TaskId, int>, Attempt> attempts;
  std::map<std::string, Pause> pauses;          // by scope
  std::map<TaskId, Orphan> orphans;
  std::map<EventId, Event> events;
  std::map<LayerRef, DeletePermit> permits;
  std::map<std::string, ImageRecord> images;    // by name
  std::map<ResourceId, ImageContent> image_contents;
  std::map<ResourceId, Record> records;
  std::map<ResourceId, Trashed> trash;
  std::map<HoldId, Hold> holds;
  std::map<ResourceId, ImageBuild> image_builds;
  std::map<ResourceId, Resource> organizations;
  std::map<ResourceId, Workspace> workspaces;
  std::map<UserId, User> users;
  std::map<KeyId, ApiKey> keys;
  std::map<std::pair<ResourceId, UserId>, Membership> memberships;
  std::map<std::string, std::string> settings;
  std::map<std::string, Remembered> idempotency;   // by scope
};

/// A row that was changed: of which table, under which key. Of tables that nobody watches only the table is told.
struct Change {
  enum What { sandbox, archive, volume, lifetime, task, event, other };
  What what = other;
  std::string key;
};

/// Rows as one transaction changes them, or a group of closures that commit together.
class Draft {
 public:
  enum Use { reads, writes };
  Draft(Rows& rows, Use use) : rows_(rows), use_(use) {}
  const Rows& rows() const { return rows_; }
  /// Oldest first; what was taken back is not among them.
  const std::vector<Change>& changes() const { return changes_; }

  /// Inserts or replaces; an error in a view.
  template <class Key, class Value>
  Status put(std::map<Key, Value> Rows::*table, const Key& key, Value value) {
    TRY(writable());
    remember(table, key);
    (rows_.*table).insert_or_assign(key, std::move(value));
    return {};
  }
  template <class Key, class Value>
  Status erase(std::map<Key, Value> Rows::*table, const Key& key) {
    TRY(writable());
    remember(table, key);
    (rows_.*table).erase(key);
    return {};
  }

  /// Takes back all that was changed so far, or what was changed since there were so many changes.
  void undo(std::size_t kept = 0);

 private:
  Status writable() const;

  template <class Key, class Value>
  void remember(std::map<Key, Value> Rows::*table, const Key& key) {
    changes_.push_back(change_of<Value>(key));
    const auto found = (rows_.*table).find(key);
    auto before = found == (rows_.*table).end() ? std::optional<Value>() : std::optional<Value>(found->second);
    undo_.push_back([this, table, key, before = std::move(before)] {
      if (before) (rows_.*table).insert_or_assign(key, *before);
      else (rows_.*table).erase(key);
    });
  }

  template <class Value, class Key>
  static Change change_of(const Key& key) {
    if constexpr (std::is_same_v<Value, Sandbox>) return {Change::sandbox, key.text};
    else if constexpr (std::is_same_v<Value, Archive>) return {Change::archive, key.text};
    else if constexpr (std::is_same_v<Value, Volume>) return {Change::volume, key.text};
    else if constexpr (std::is_same_v<Value, Lifetime>) return {Change::lifetime, key.text};
    else if constexpr (std::is_same_v<Value, Task>) return {Change::task, key.text};
    else if constexpr (std::is_same_v<Value, Event>) return {Change::event, key.text};
    else return {};
  }

  Rows& rows_;
  const Use use_;
  std::vector<std::function<void()>> undo_;   // oldest first, one for each of the changes
  std::vector<Change> changes_;
};

/// The row, or nothing.
template <class Key, class Value>
const Value* look_up(const std::map<Key, Value>& table, const Key& key) {
  const auto found = table.find(key);
  return found == table.end() ? nullptr : &found->second;
}

/// The newest `page.limit` rows before `page.before` that `matches` accepts, each made by `make`.
template <class Key, class Value, class Matches, class Make>
auto newest(const std::map<Key, Value>& table, const Page& page, Matches matches, Make make) {
  std::vector<std::invoke_result_t<Make, const Value&>> found;
  const auto end = page.before.empty() ? table.end() : table.lower_bound(Key{page.before});
  for (auto row = std::make_reverse_iterator(end); row != table.rend() && found.size() < page.limit; ++row)
    if (matches(row->second)) found.push_back(make(row->second));
  return found;
}

/// The first `limit` rows after `after`, in the order of their keys.
template <class Key, class Value, class Matches, class Make>
auto following(const std::map<Key, Value>& table, const std::string& after, std::size_t limit, Matches matches,
               Make make) {
  std::vector<std::invoke_result_t<Make, const Value&>> found;
  for (auto row = table.upper_bound(Key{after}); row != table.end() && found.size() < limit; ++row)
    if (matches(row->second)) found.push_back(make(row->second));
  return found;
}

}  // namespace mayfly::memory
