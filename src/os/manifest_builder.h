#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "base/manifest.h"
#include "base/result.h"
#include "os/layer_entry.h"

namespace mayfly::os {

/// Makes manifest lines while the caller goes on reading: contents are hashed in a thread of its own, in order, over a
/// bounded number of buffers. `on_lines` takes finished lines, whole ones, always in the caller's thread.
class ManifestBuilder {
 public:
  using OnLines = std::function<Status(std::string_view lines)>;

  static Result<std::unique_ptr<ManifestBuilder>> start(OnLines on_lines);
  ~ManifestBuilder();

  /// An entry without content; a file's content follows between begin_file and end_file.
  Status add(const LayerEntry& entry);
  Status begin_file(const LayerEntry& entry);
  /// Room for the next content, never empty, good until the next call of room or of an entry. May wait for the hashing.
  Result<std::span<char>> room();
  /// The front of that room is the file's content from `offset`. What offsets skip is zeros. The bytes may still be
  /// read by the caller until the next call.
  void content(std::int64_t offset, std::size_t count);
  Status end_file();

  /// Waits for the last line and hands it out.
  Result<ManifestSummary> finish();

 private:
  struct Impl;
  explicit ManifestBuilder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mayfly::os
