#include "store/memory/rows.h"

#include "store/rules.h"

namespace mayfly::memory {

void Draft::undo() {
  for (auto step = undo_.rbegin(); step != undo_.rend(); ++step) (*step)();
  undo_.clear();
}

Status Draft::writable() const {
  if (use_ == reads) return tl::unexpected(rules::read_only("change a row"));
  return {};
}

}  // namespace mayfly::memory
