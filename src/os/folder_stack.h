#pragma once
// A walk through folders of any depth with few descriptors: far ancestors are closed and found again through "..",
// proved by device and inode number, so that a folder moved meanwhile leads nowhere else.

#include <string>
#include <vector>

#include "os/file.h"

namespace mayfly::os {

class FolderStack {
 public:
  /// `top` is borrowed and must stay open.
  explicit FolderStack(int top) : top_(top) {}

  /// Goes into the folder `name` of the current one. Neither a link nor another mount is entered: Code::invalid.
  Status enter(const std::string& name);
  /// Back to the parent. Code::busy when it is no longer the folder that was left.
  Status leave();

  int fd() const { return levels_.empty() ? top_ : levels_.back().fd.get(); }
  std::size_t depth() const { return levels_.size(); }

 private:
  struct Level {
    Fd fd;               // closed for far ancestors
    dev_t device = 0;
    ino_t inode = 0;
  };

  int top_;
  std::vector<Level> levels_;
};

}  // namespace mayfly::os
