#include "store/memory/rows.h"

#include "store/rules.h"

namespace mayfly::memory {

void Draft::undo(std::size_t kept) {
  for (; undo_.size() > kept; undo_.pop_back(), changes_.pop_back()) undo_.back()();
}

Status Draft::writable() const {
  if (use_ == reads) return tl::unexpected(rules::read_only("change a row"));
  return {};
}

}  // namespace mayfly::memory
