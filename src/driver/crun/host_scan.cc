#include <algorithm>
#include <map>

#include <unistd.h>

#include "driver/crun/crun_driver.h"
#include "driver/crun/mounts.h"
#include "driver/crun/processes.h"

namespace mayfly {

using namespace crun;
using What = Found::What;

namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Found found(What what, const Incarnation& of, std::string where) {
  return {what, of.uid, of.generation, 0, std::move(where)};
}

Status add_group(const Cgroups& cgroups, const std::string& name, const Incarnation& of, std::vector<Found>& all) {
  for (pid_t pid : TRY(cgroups.members(name))) all.push_back(found(What::process, of, describe_process(pid)));
  for (auto& folder : cgroups.folders_of(name)) all.push_back(found(What::cgroup, of, std::move(folder)));
  return {};
}

/// Whose a mount is: by its tag, or by its place in a run folder for what a half-made start attached there.
std::optional<Incarnation> owner_of(const Mount& mount, const Layout& layout) {
  if (mount.type == "overlay")
    if (auto tagged = parse_mount_tag(mount.source); tagged && tagged->instance == layout.instance) return tagged;
  if (!is_below(mount.point, layout.runs()) || mount.point.size() <= layout.runs().size()) return std::nullopt;
  std::string_view name(mount.point);
  name.remove_prefix(layout.runs().size() + 1);
  auto owner = parse_run_name(name.substr(0, name.find('/')));
  if (owner) owner->instance = layout.instance;
  return owner;
}

void add_run_folder(const Layout& layout, const Incarnation& of, std::vector<Found>& all) {
  const auto run = layout.run(of);
  if (exists(run)) all.push_back(found(What::folder, of, run));
  if (exists(run + "/agent.sock")) all.push_back(found(What::socket, of, run + "/agent.sock"));
}

Status add_layers(const Layout& layout, std::vector<Found>& all) {
  for (const auto& name : TRY(os::list_folder(layout.layers()))) {
    const auto uid = parse_uuid(name);
    const auto layers = uid ? os::list_folder(layout.layers() + "/" + name) : std::vector<std::string>();
    if (!layers) continue;  // discarded meanwhile
    for (const auto& entry : *layers)
      if (const auto number = parse_number(entry)) {
        const auto where = layout.layers() + "/" + name + "/" + entry;
        all.push_back({exists(where + "/volume") ? What::volume : What::layer, *uid, 0, *number, where});
      }
  }
  for (const auto& name : TRY(os::list_folder(layout.trash())))
    if (const auto layer = parse_trash_name(name))
      all.push_back({What::trash, layer->uid, 0, layer->layer, layout.trash() + "/" + name});
  return {};
}

}  // namespace

Result<Presence> CrunDriver::inspect(const Incarnation& incarnation) {
  TRY(own(incarnation.instance));
  Presence presence;
  TRY(add_group(cgroups_, container_name(incarnation), incarnation, presence.left));
  presence.running = !presence.left.empty() && presence.left.front().what == What::process;
  TRY(add_group(cgroups_, layout_.helpers_of(incarnation), incarnation, presence.left));
  presence.frozen = presence.running && cgroups_.frozen(container_name(incarnation));
  for (const auto& mount : TRY(read_mounts()))
    if (owner_of(mount, layout_) == incarnation)
      presence.left.push_back(found(What::mount, incarnation, mount.point));
  for (const auto& link : TRY(network_.links()))
    if (link.of == incarnation) presence.left.push_back(found(What::network, incarnation, link.name));
  if (const auto state = layout_.state(incarnation); exists(state))
    presence.left.push_back(found(What::runtime_state, incarnation, state));
  add_run_folder(layout_, incarnation, presence.left);
  return presence;
}

Result<std::vector<Found>> CrunDriver::inventory() {
  std::vector<Found> all;
  const auto ours = [&](std::optional<Incarnation> i) { return i && i->instance == options_.instance; };
  for (const auto& name : TRY(cgroups_.list("mayfly-" + options_.instance + "-")))
    if (const auto of = parse_container_name(name); ours(of)) TRY(add_group(cgroups_, name, *of, all));
  for (const auto& name : TRY(cgroups_.list({}, layout_.helpers())))
    if (auto of = parse_run_name(name)) {
      of->instance = options_.instance;
      TRY(add_group(cgroups_, layout_.helpers_of(*of), *of, all));
    }
  for (const auto& mount : TRY(read_mounts()))
    if (const auto of = owner_of(mount, layout_)) all.push_back(found(What::mount, *of, mount.point));
  for (const auto& link : TRY(network_.links()))
    if (ours(link.of)) all.push_back(found(What::network, link.of, link.name));
  for (const auto& name : TRY(os::list_folder(layout_.states())))
    if (const auto of = parse_container_name(name); ours(of))
      all.push_back(found(What::runtime_state, *of, layout_.states() + "/" + name));
  for (const auto& name : TRY(os::list_folder(layout_.runs())))
    if (auto of = parse_run_name(name)) {
      of->instance = options_.instance;
      add_run_folder(layout_, *of, all);
    }
  TRY(add_layers(layout_, all));
  return all;
}

Caveats CrunDriver::standing_caveats(const Resources& resources) const {
  return caveats(resources, cgroups_.enforceable(resources));
}

Result<std::vector<std::string>> CrunDriver::strangers() {
  std::vector<std::string> all;
  const auto look = [&](const std::string& folder, const auto& ours) {
    // A folder that is not there, or not any more, holds no stranger.
    for (const auto& name : os::list_folder(folder).value_or(std::vector<std::string>()))
      if (!ours(name)) all.push_back(folder + "/" + name);
  };
  look(layout_.layers(), [](const std::string& name) { return parse_uuid(name).has_value(); });
  for (const auto& name : TRY(os::list_folder(layout_.layers())))
    if (parse_uuid(name))
      look(layout_.layers() + "/" + name, [](const std::string& layer) { return parse_number(layer).has_value(); });
  look(layout_.runs(), [](const std::string& name) { return parse_run_name(name).has_value(); });
  look(layout_.trash(), [](const std::string& name) { return parse_trash_name(name).has_value(); });
  look(layout_.images(), [](const std::string& name) { return is_image_folder(name); });
  look(layout_.states(), [&](const std::string& name) {
    const auto of = parse_container_name(name);
    return of && of->instance == layout_.instance;
  });
  return all;
}

/// A run folder that goes meanwhile is no trouble; the next look is without it.
Result<std::vector<std::string>> CrunDriver::disorders() {
  std::vector<std::string> all;
  std::map<int, std::string> holders;
  for (const auto& name : TRY(os::list_folder(layout_.runs()))) {
    const auto text = os::read_file(layout_.runs() + "/" + name + "/slot", 64);
    const auto slot = text ? parse_number(*text) : std::nullopt;
    if (!slot) continue;
    const auto [holder, first] = holders.emplace(*slot, name);
    if (!first)
      all.push_back("user id range " + std::to_string(*slot) + " belongs to two containers, " + holder->second +
                    " and " + name + ", which could read each other's files");
  }
  const auto table = TRY(network_.idle_table());
  if (table) all.push_back("nftables table " + *table + " stands, and no sandbox of this instance has a way out");
  return all;
}

}  // namespace mayfly
