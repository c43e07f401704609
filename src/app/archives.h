#pragma once

#include "app/deletion.h"
#include "ports/blob_store.h"

namespace mayfly {

/// What people do with archives. Restoring one is creating a sandbox from it.
class Archives {
 public:
  Archives(Store& store, BlobStore& blobs, const Deletion& deletion)
      : store_(store), blobs_(blobs), deletion_(deletion) {}

  Result<Archive> get(const Caller& caller, const std::string& id);
  Result<std::vector<Archive>> list(const Caller& caller, ArchiveFilter filter, const Page& page);
  /// Its bytes, a tar compressed with zstd.
  Result<std::unique_ptr<Source>> content(const Archive& archive);
  /// Its manifest, one JSON line per entry.
  Result<std::unique_ptr<Source>> manifest(const Archive& archive);
  Result<TaskId> remove(const Caller& caller, const std::string& id);

 private:
  Result<Archive> visible(Transaction& t, const Caller& caller, const std::string& id) const;

  Store& store_;
  BlobStore& blobs_;
  const Deletion& deletion_;
};

}  // namespace mayfly
