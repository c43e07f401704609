#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ports/blob_store.h"

namespace mayfly {

/// Objects as files below one folder. An object is written as KEY.partial, locked by its writer, synced and renamed, so
/// that a key is there whole or not at all, whatever crashes.
class FolderBlobStore : public BlobStore {
 public:
  /// The folder is made when the first object is.
  explicit FolderBlobStore(std::string folder) : folder_(std::move(folder)) {}

  Result<std::unique_ptr<BlobWriter>> create(const std::string& key) override;
  Result<std::unique_ptr<Source>> open(const std::string& key) override;
  Result<std::unique_ptr<Source>> open_at(const std::string& key, std::int64_t offset) override;
  Result<BlobInfo> stat(const std::string& key) override;
  Status remove(const std::string& key) override;
  Result<std::vector<BlobInfo>> list(const std::string& prefix) override;

 private:
  std::string path_of(const std::string& key) const { return folder_ + "/" + key; }

  std::string folder_;
};

}  // namespace mayfly
