#include "core/resource.h"

#include <array>

#include "base/result.h"

namespace mayfly {

namespace {

constexpr std::array kinds = {
    KindDescriptor{Kind::organization, "organization", "org_", false, false, Kind::organization, false},
    KindDescriptor{Kind::workspace, "workspace", "wsp_", false, false, Kind::organization, true},
    KindDescriptor{Kind::sandbox, "sandbox", "sbx_", true, true, Kind::workspace, false},
    KindDescriptor{Kind::archive, "archive", "arc_", true, false, Kind::workspace, false},
    KindDescriptor{Kind::volume, "volume", "vol_", true, true, Kind::workspace, false},
    KindDescriptor{Kind::image, "image", "img_", false, false, Kind::organization, false},
    KindDescriptor{Kind::app, "app", "app_", false, false, Kind::workspace, true},
    KindDescriptor{Kind::element, "element", "elm_", false, false, Kind::app, true},
    KindDescriptor{Kind::database, "database", "dbs_", true, true, Kind::workspace, true},
    KindDescriptor{Kind::runtime, "runtime", "rtm_", false, false, Kind::workspace, false},
};

constexpr std::array state_names = {"active",  "writing",  "requested", "starting", "running", "pausing", "paused",
                                    "resuming", "stopping", "stopped",   "failed",   "trashed",  "deleting", "gone"};

}  // namespace

const KindDescriptor& describe(Kind kind) { return kinds[static_cast<std::size_t>(kind)]; }

std::optional<Kind> parse_kind(std::string_view name) {
  for (const auto& k : kinds)
    if (k.name == name) return k.kind;
  return std::nullopt;
}

std::optional<Kind> kind_of_id(std::string_view id) {
  for (const auto& k : kinds)
    if (id.starts_with(k.prefix) && uuid_in(id)) return k.kind;
  return std::nullopt;
}

const std::vector<Kind>& kinds_in(Kind parent) {
  static const auto all = [] {
    std::array<std::vector<Kind>, kinds.size()> within;
    for (const auto& k : kinds)
      if (k.kind != k.parent) within[static_cast<std::size_t>(k.parent)].push_back(k.kind);
    return within;
  }();
  return all[static_cast<std::size_t>(parent)];
}

std::string_view name(State state) { return state_names[static_cast<std::size_t>(state)]; }

std::optional<State> parse_state(std::string_view name) {
  for (std::size_t i = 0; i < state_names.size(); ++i)
    if (state_names[i] == name) return static_cast<State>(i);
  return std::nullopt;
}

Uuid uid_of(const ResourceId& id) {
  const auto uuid = uuid_in(id.text);
  CHECK(uuid.has_value());
  return *uuid;
}

}  // namespace mayfly
