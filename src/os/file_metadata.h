#pragma once
// How one entry is put on disk, below a folder that is already held open.

#include <cstdint>
#include <span>

#include "base/result.h"
#include "os/layer_entry.h"

namespace mayfly::os {

/// Writes the content of a new file. What offsets skip becomes a hole; in a `sparse` file, pages of zeros too.
class FileContent {
 public:
  FileContent(int fd, bool sparse) : fd_(fd), sparse_(sparse) {}
  Status write(std::int64_t offset, std::span<const char> bytes);
  Status finish(std::int64_t size);

 private:
  int fd_;
  bool sparse_;
  std::int64_t end_ = 0;
};

/// Owner, mode, attributes and time, in the order in which none undoes another. After the content.
Status set_metadata(int fd, const LayerEntry& entry);
Status mark_opaque(int folder);

/// A symbolic link with its owner, attributes and time.
Status make_link(int folder, const std::string& name, const LayerEntry& entry);
/// Another name for a file or link; the target itself is never followed. Code::invalid when there is no such file.
Status make_hardlink(int from, const std::string& target, int folder, const std::string& name);

}  // namespace mayfly::os
