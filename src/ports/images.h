#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace mayfly {

/// A root file system unpacked and ready, shared read-only by everything that names its digest.
struct Image {
  std::string digest;                          // "sha256:..." of its content
  std::int64_t bytes = 0;
  std::map<std::string, std::string> env;      // from the image's own configuration
  std::string workdir = "/";
};

/// Image contents on this host. Names live in the store; this knows digests only.
class Images {
 public:
  virtual ~Images() = default;
  /// The image that needs no network, made from the host's static busybox if absent.
  virtual Result<Image> builtin_busybox() = 0;
  /// Unpacks a docker-save tar, an OCI layout (folder or tar) or a plain tar of a root file system.
  virtual Result<Image> import(const std::string& path) = 0;
  virtual Result<std::vector<Image>> list() = 0;
  virtual Status remove(const std::string& digest) = 0;   // absent is success
};

}  // namespace mayfly
