#pragma once
// Images as folders of this host: images/<sha256>/{rootfs, image.json}. A folder under that name is whole; work in
// progress has a name that begins with a dot, and what a crash leaves of it is removed at the next start.

#include <cstdint>
#include <memory>
#include <string>

#include "driver/crun/layout.h"
#include "ports/images.h"

namespace mayfly {

struct ImageOptions {
  std::string data;                               // the driver's data folder
  std::string busybox = "/bin/busybox";           // statically linked
  std::int64_t most_bytes = std::int64_t{64} << 30;  // unpacked, as its files say they are
  std::int64_t most_entries = 4'000'000;
  std::int64_t keep_free = std::int64_t{1} << 30;    // an import stops before the disk has less than this left
  std::string debian_mirror = {};                 // for builds; empty: the one that the host's apt uses
  std::string debian_keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  int lock_fd = -1;                               // held by every program of a build, for whoever waits for its end
};

class ImageFolder : public Images {
 public:
  /// Only one at a time may have the data folder.
  static Result<std::unique_ptr<ImageFolder>> open(ImageOptions options);

  Result<Image> builtin_busybox() override;
  Result<std::unique_ptr<ImageDraft>> unpack(const std::string& path) override;
  Result<std::unique_ptr<ImageDraft>> unpack(Source& tar) override;
  Result<std::unique_ptr<ImageDraft>> build(const ImageRecipe& recipe, const BuildWatch& watch) override;
  Result<std::vector<Image>> list() override;
  Result<bool> has(const std::string& digest) override;
  Status remove(const std::string& digest) override;
  Status clear_unfinished() override;

 private:
  explicit ImageFolder(ImageOptions options);

  const ImageOptions options_;
  const crun::Layout layout_;
};

namespace crun {

/// The image.json in that folder.
Result<Image> read_image(const std::string& folder);

}  // namespace crun

}  // namespace mayfly
