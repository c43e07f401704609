#include "core/cleanup_record.h"

namespace mayfly {

std::string pause_all() { return "all"; }
std::string pause_of(const ResourceId& workspace) { return "workspace:" + workspace.text; }
std::string pause_of(Kind kind) { return "kind:" + std::string(describe(kind).name); }
std::string allowance_of(const ResourceId& workspace) { return "allowed:" + workspace.text; }

const Pause* paused_by(const std::vector<Pause>& pauses, const ResourceId& workspace, Kind kind) {
  for (const auto& pause : pauses)
    if (pause.scope == "all" || pause.scope == pause_of(workspace) || pause.scope == pause_of(kind)) return &pause;
  return nullptr;
}

}  // namespace mayfly
