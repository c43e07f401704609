#pragma once
// The tables of what lies in what: rows of every kind as the spine shows them, records, the trash, and holds.

#include "core/hold.h"
#include "core/record.h"
#include "core/trash.h"
#include "ports/tables.h"

namespace mayfly {

/// Whatever its kind. What changes a row is the table of its kind.
class ResourceTable {
 public:
  virtual ~ResourceTable() = default;
  virtual Result<Resource> get(const ResourceId& id) = 0;
  /// Those of `kind` that lie in `parent` and are not gone, after `after` in id order.
  virtual Result<std::vector<Resource>> in(const ResourceId& parent, Kind kind, const std::string& after,
                                           std::size_t limit) = 0;
};

class RecordTable {
 public:
  virtual ~RecordTable() = default;
  virtual Result<Record> get(const ResourceId& id) = 0;
  virtual Status insert(const Record& record) = 0;          // conflict: the name is held
  virtual Status update(const Record& record) = 0;
  /// Everything of that kind not gone, of every workspace, after `after` in id order.
  virtual Result<std::vector<Record>> scan(Kind kind, const std::string& after, std::size_t limit) = 0;
};

class TrashTable {
 public:
  virtual ~TrashTable() = default;
  virtual Result<std::optional<Trashed>> find(const ResourceId& id) = 0;
  virtual Status put(const Trashed& row) = 0;                // by id
  virtual Status remove(const ResourceId& id) = 0;           // again is success
  virtual Result<std::vector<Trashed>> of_kind(Kind kind, const std::string& after, std::size_t limit) = 0;
  virtual Result<std::vector<Trashed>> in(const ResourceId& scope, const std::string& after, std::size_t limit) = 0;
};

class HoldTable {
 public:
  virtual ~HoldTable() = default;
  virtual Result<Hold> get(const HoldId& id) = 0;
  virtual Status insert(const Hold& hold) = 0;
  virtual Status update(const Hold& hold) = 0;
  /// Those that stand at `now` and keep `resource`: of itself, or of what lies in it. The oldest first.
  virtual Result<std::vector<Hold>> keeping(const ResourceId& resource, Time now, std::size_t limit) = 0;
};

}  // namespace mayfly
