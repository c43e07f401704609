#pragma once
// What lies in a workspace beside its sandboxes, and workspaces themselves, as people see and make them. Their delete
// and their way back: app/trash.h.

#include "app/access.h"
#include "core/record.h"
#include "app/plans.h"
#include "core/trash.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly {

/// One thing, with what its kind has.
struct Entry {
  Resource resource;
  std::string content = {};                 // of an element: JSON text
  std::int64_t size_mb = 0;                 // of a database
  std::optional<Trashed> trashed = {};
};

/// As it stands, for a transaction that goes on with it.
Result<Entry> entry_of(Transaction& t, const ResourceId& id);

/// not_found for what is not there for this caller: of another kind, of another workspace, gone, or in something that
/// is in the trash. What is in the trash itself is found. A workspace in the trash, or on its way out, is an admin's.
Result<Entry> visible_entry(Transaction& t, const Caller& caller, Kind kind, const std::string& id);

class Forest {
 public:
  Forest(Store& store, Random& random) : store_(store), random_(random) {}

  struct Wish {
    std::string name;
    std::string content = {};
    std::string app = {};                   // of an element
  };
  /// An app or an element. conflict: the name of an app is taken, or there is no place for new things any more.
  Result<Entry> create(const Caller& caller, Kind kind, const Wish& wish);
  Result<Entry> get(const Caller& caller, Kind kind, const std::string& id);

  struct Change {
    std::optional<std::string> name = {};
    std::optional<std::string> content = {};
  };
  /// Of an app, an element or a database. conflict for what is in the trash or on its way out.
  Result<Entry> change(const Caller& caller, Kind kind, const std::string& id, const Change& change);

  /// What a delete of it would do: of anything in the caller's workspace, and of a workspace.
  Result<Plan> plan(const Caller& caller, const std::string& id);

 private:
  Store& store_;
  Random& random_;
};

}  // namespace mayfly
