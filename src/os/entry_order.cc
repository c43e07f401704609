#include "os/layer_reader.h"

namespace mayfly::os {

namespace {

tl::unexpected<Error> misplaced(const LayerEntry& entry, const char* why) {
  return fail(Code::invalid, "cannot read the archive: entry " + shown(entry.path) + " " + why);
}

}  // namespace

Result<std::size_t> EntryOrder::accept(const LayerEntry& entry) {
  if (levels_.empty()) {
    if (entry.path != "." || entry.type != LayerEntry::Type::folder) {
      return misplaced(entry, "comes before the layer's own folder");
    }
    levels_.push_back({entry.path, {}, false});
    return 0;
  }
  if (entry.type == LayerEntry::Type::opaque) {
    Level& top = levels_.back();
    if (entry.path != top.path || !top.last.empty() || top.opaque) {
      return misplaced(entry, "is marked opaque in the wrong place");
    }
    top.opaque = true;
    return 0;
  }
  if (entry.path == ".") return misplaced(entry, "comes twice");

  const auto [folder, name] = split(entry.path);
  std::size_t ended = 0;
  while (levels_.size() > 1 && levels_.back().path != folder) {
    levels_.pop_back();
    ++ended;
  }
  Level& top = levels_.back();
  if (top.path != folder) return misplaced(entry, "has no folder before it");
  if (name <= top.last) return misplaced(entry, "is out of order or comes twice");
  top.last = name;
  if (entry.type == LayerEntry::Type::folder) levels_.push_back({entry.path, {}, false});
  return ended;
}

}  // namespace mayfly::os
