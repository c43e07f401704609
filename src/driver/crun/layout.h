#pragma once
// Where everything of one instance lies, below its data folder (0700, owned by root).
//
//   images/<sha256>/rootfs, image.json      read-only root file systems, ids as a container sees them
//   images/.work-*, .gone-*                 one that is being made or removed
//   layers/<uid>/<layer>/upper, work        what a sandbox wrote; `generation` beside them: the last one to run on it
//                                           or what a volume holds: then there is a file `volume` beside `upper`
//   run/<uid>-<generation>/                 one container: made first and removed last of all that belongs to it
//     slot                                    its range of user ids
//     merged                                  mount point of the overlay, tagged instance/uid/generation
//     volumes/<n>                             mount points of its volumes
//     config.json, agent.sock, pid, init, crun.log
//   crun/<name>/                            crun's own state
//   trash/<uid>-<layer>[.<n>]               discarded layers and torn imports: nothing runs on them, bytes remain
//
// A container's name, for crun and in every cgroup hierarchy, is mayfly-<instance>-<uid>-<generation>.

#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"

namespace mayfly::crun {

struct Layout {
  std::string data;
  std::string instance;

  std::string images() const { return data + "/images"; }
  std::string layers() const { return data + "/layers"; }
  std::string runs() const { return data + "/run"; }
  std::string states() const { return data + "/crun"; }
  std::string trash() const { return data + "/trash"; }

  std::string image(std::string_view digest) const;
  std::string layers_of(const Uuid& uid) const { return layers() + "/" + hex(uid); }
  std::string layer(const LayerRef& layer) const;
  std::string run(const Incarnation& incarnation) const;
  std::string state(const Incarnation& incarnation) const;

  /// Groups of the processes that make containers, kept apart from those inside them: of all, and for one container.
  std::string helpers() const { return "mayfly-" + instance + "-helpers"; }
  std::string helpers_of(const Incarnation& incarnation) const;
};

std::string container_name(const Incarnation& incarnation);
std::optional<Incarnation> parse_container_name(std::string_view name);

/// The source field of its overlay in mountinfo.
std::string mount_tag(const Incarnation& incarnation);
std::optional<Incarnation> parse_mount_tag(std::string_view tag);

std::string run_name(const Incarnation& incarnation);
std::string trash_name(const LayerRef& layer);
/// instance is left to the caller to fill in.
std::optional<Incarnation> parse_run_name(std::string_view name);
std::optional<LayerRef> parse_trash_name(std::string_view name);
std::optional<int> parse_number(std::string_view digits);

// Images come and go under these names, with something more behind them.
constexpr std::string_view image_in_work = ".work-", image_going = ".gone-";
/// A finished image, or one of those.
bool is_image_folder(std::string_view name);

/// The hex digits of "sha256:<64 hex>", and nothing else: they become a folder's name.
std::optional<std::string> digest_hex(std::string_view digest);

}  // namespace mayfly::crun
