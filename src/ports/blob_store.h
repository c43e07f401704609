#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/stream.h"

namespace mayfly {

/// An object being written. Dropping it without commit leaves nothing under its key.
class BlobWriter : public Sink {
 public:
  /// Durable under its key when this returns: bytes and name are synced. The key must be new (Code::conflict).
  virtual Status commit() = 0;
};

struct BlobInfo {
  std::string key;
  std::int64_t bytes = 0;
};

/// Immutable objects under keys such as "wsp_x/<uid>/arc_y.tar.zst" (segments of [A-Za-z0-9._-], no "..").
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  virtual Result<std::unique_ptr<BlobWriter>> create(const std::string& key) = 0;
  virtual Result<std::unique_ptr<Source>> open(const std::string& key) = 0;  // Code::not_found
  /// A Source from `offset` on.
  virtual Result<std::unique_ptr<Source>> open_at(const std::string& key, std::int64_t offset) = 0;
  virtual Result<BlobInfo> stat(const std::string& key) = 0;                  // Code::not_found
  virtual Status remove(const std::string& key) = 0;                          // absent is success
  /// Every object under the prefix, and leftovers of writers that died (their key ends in ".partial").
  virtual Result<std::vector<BlobInfo>> list(const std::string& prefix) = 0;
};

}  // namespace mayfly
