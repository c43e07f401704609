#pragma once
// The entries of a tar made by pack_layer, one after another, each checked before it is told: names stay inside,
// folders come before what is in them, entries are sorted, nothing comes twice.

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/stream.h"
#include "os/layer_entry.h"

namespace mayfly::os {

/// Knows which folders are open at a place of the tar and what may come next.
class EntryOrder {
 public:
  /// How many open folders end before this entry. Code::invalid when it has no place here.
  Result<std::size_t> accept(const LayerEntry& entry);

 private:
  struct Level {
    std::string path;
    std::string last;      // greatest name so far
    bool opaque = false;
  };
  std::vector<Level> levels_;
};

struct ContentPiece {
  std::int64_t offset = 0;
  std::span<const char> bytes;
};

class LayerReader {
 public:
  explicit LayerReader(Source& tar);
  ~LayerReader();

  /// Empty at the proper end of the archive, after which nothing but padding was found.
  Result<std::optional<LayerEntry>> next();
  /// The next bytes of the file told last, good until the next call; offsets increase and stay below its size.
  Result<std::optional<ContentPiece>> content();
  /// The file told last has a map of holes.
  bool sparse() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mayfly::os
