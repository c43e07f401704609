#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/stream.h"
#include "core/image.h"

namespace mayfly {

/// A root file system unpacked and ready, shared read-only by everything that names its digest.
struct Image {
  std::string digest;                          // "sha256:..." of its content
  std::int64_t bytes = 0;
  std::map<std::string, std::string> env;      // from the image's own configuration
  std::string workdir = "/";
};

/// A root file system that is being made. Dropping it leaves nothing.
class ImageDraft {
 public:
  virtual ~ImageDraft() = default;
  /// Under its digest and durable when this returns; once. Two drafts of one content become one image.
  virtual Result<Image> keep() = 0;
};

/// Looks at what a builder has said so far, a few times a second. An error ends the build, and is what came of it.
using BuildWatch = std::function<Status(std::string_view said)>;

/// Image contents on this host. Names live in the store; this knows digests only.
class Images {
 public:
  virtual ~Images() = default;
  /// The image that needs no network, made from the host's static busybox if absent.
  virtual Result<Image> builtin_busybox() = 0;
  /// Unpacks a docker-save tar, an OCI layout (folder or tar) or a plain tar of a root file system.
  virtual Result<std::unique_ptr<ImageDraft>> unpack(const std::string& path) = 0;
  /// The same from a tar that arrives.
  virtual Result<std::unique_ptr<ImageDraft>> unpack(Source& tar) = 0;
  /// Installs Debian packages into an empty root. invalid: the archive has no such release or package.
  virtual Result<std::unique_ptr<ImageDraft>> build(const ImageRecipe& recipe, const BuildWatch& watch) = 0;

  virtual Result<std::vector<Image>> list() = 0;
  virtual Result<bool> has(const std::string& digest) = 0;
  virtual Status remove(const std::string& digest) = 0;   // absent is success
  /// Removes what drafts and removals of an earlier life left. Nobody may be making any.
  virtual Status clear_unfinished() = 0;
};

}  // namespace mayfly
