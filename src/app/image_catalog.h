#pragma once

#include <mutex>

#include "core/caller.h"
#include "ports/images.h"
#include "ports/store.h"

namespace mayfly {

/// Names of images, and who still needs the files behind them.
class ImageCatalog {
 public:
  ImageCatalog(Store& store, Images& images) : store_(store), images_(images) {}

  /// The built-in image is there from the start, under the name "busybox".
  Status ensure_builtin();

  Result<std::vector<ImageRecord>> list(const Caller& caller);
  /// Brings in what lies at `path` on the server's host and gives it the name, which then means this content.
  Result<ImageRecord> import(const Caller& caller, const std::string& path, const std::string& name);
  /// A second name for what `target` means.
  Status alias(const std::string& name, const std::string& target);
  /// Takes the name away, and the files with it when it was their last. conflict: a sandbox or an archive needs them,
  /// or it is the name of the built-in one.
  Status remove(const Caller& caller, const std::string& name);

  /// Files that no name, sandbox or archive needs: left by an import or removal that died.
  Status collect_garbage();

 private:
  Result<ImageRecord> record(const Image& image, const std::string& name);
  Status collect_garbage_locked();

  Store& store_;
  Images& images_;
  std::mutex files_;   // an import must not lose its files, not yet named, to a collection
};

/// Letters, digits and ._/:- , 1 to 128, beginning with a letter or digit.
Status check_image_name(std::string_view name);

}  // namespace mayfly
