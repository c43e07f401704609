#pragma once
// The Driver that runs sandboxes on this host through the `crun` binary. layout.h says where everything lies.
//
// A start makes, in this order: run folder (with its range of user ids), layer, overlay, config.json, the agent's
// listening socket, the container. Whatever instruction it dies at, the run folder is there, and `kill` and `release`
// take away all that the folder's name implies. crun is called for nothing but `run`: freezing, killing and removing
// go straight to the kernel.

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "driver/crun/cgroups.h"
#include "driver/crun/layout.h"
#include "driver/crun/network.h"
#include "driver/crun/overlay.h"
#include "driver/crun/userns.h"
#include "ports/driver.h"
#include "ports/images.h"

namespace mayfly {

struct CrunOptions {
  std::string data;                          // 0700, absolute; its folders are made when missing
  std::string instance;                      // letters and digits
  std::string agent;                         // path of mayfly-agent
  std::string crun = "/usr/bin/crun";
  std::string cgroup_root = "/sys/fs/cgroup";
  std::uint32_t id_base = 1 << 20;           // user ids of the host set aside for sandboxes
  std::uint32_t id_count = 4096u << 16;      // 65536 for each sandbox that is not released
  int lock_fd = -1;                          // helper processes hold it open while they live; sandboxes never
  crun::NetworkOptions network;
  crun::LayersBy layers_by = crun::LayersBy::whatever_works;
  /// Says whether the agent answers. Empty: it accepts a connection.
  std::function<Status(const Incarnation&)> probe;
  std::chrono::milliseconds start_patience{10'000};  // from crun's end to the agent's answer
  std::chrono::milliseconds kill_patience{10'000};
  std::chrono::milliseconds freeze_patience{2'000};
};

class CrunDriver : public Driver {
 public:
  /// Makes the folders and learns which ranges of user ids are in use.
  static Result<std::unique_ptr<CrunDriver>> open(CrunOptions options);
  ~CrunDriver() override;

  Result<Started> start(const LaunchSpec& launch) override;
  Status kill(const Incarnation& incarnation) override;
  Result<Caveats> limit(const Incarnation& incarnation, const Resources& resources) override;
  Status freeze(const Incarnation& incarnation) override;
  Status thaw(const Incarnation& incarnation) override;
  Status release(const Incarnation& incarnation) override;
  Result<Caveats> make_volume(const LayerRef& layer, std::int64_t size_mb) override;
  Status discard(const LayerRef& layer, const DeletePermit& permit) override;
  Status erase(const LayerRef& layer) override;
  Result<bool> has_layer(const LayerRef& layer) override;
  Result<Presence> inspect(const Incarnation& incarnation) override;
  Result<std::int64_t> cpu_time(const Incarnation& incarnation) override;
  Result<Usage> usage(const Incarnation& incarnation, int layer) override;
  Result<std::vector<Found>> inventory() override;
  Result<std::vector<std::string>> strangers() override;
  Result<std::vector<std::string>> disorders() override;
  Result<ManifestSummary> export_layer(const LayerRef& layer, const Exclusions& exclude, Sink& tar,
                                       Sink& manifest) override;
  Result<ManifestSummary> import_layer(const LayerRef& layer, Source& tar) override;

  /// Of layers whose files were unlinked in this life.
  std::atomic<std::uint64_t> bytes_freed{0};

  /// To be called when a start is about to be asked for, on a thread that may wait.
  void expect_start();

  /// What this host can hold no sandbox of these resources to, whatever else is asked for.
  Caveats standing_caveats(const Resources& resources) const;

  /// Where the agent listens: a path that fits a socket address, valid in this process.
  std::string agent_socket(const Incarnation& incarnation) const;

  /// Waits until the helper processes of a previous life are gone; after `patience` kills them, and no sandbox.
  /// To be called before any effect, since an orphaned helper may still be making a container.
  Status settle_helpers(std::chrono::milliseconds patience = std::chrono::milliseconds(2000));

 private:
  CrunDriver(CrunOptions options, crun::Network network);

  Status own(const std::string& instance) const;
  Status learn_ranges();
  Result<bool> adopt(const Incarnation& incarnation);
  Status refuse_two_generations(const Incarnation& incarnation) const;
  Result<std::uint32_t> make_run_folder(const Incarnation& incarnation);
  Status make_layer(const LaunchSpec& launch) const;
  Status make_bundle(const LaunchSpec& launch, const Image& image, const crun::IdRange& ids,
                     const crun::Limits& limits) const;
  Status run_container(const Incarnation& incarnation);
  Status join_network(const Incarnation& incarnation, std::uint32_t slot);
  Status await_agent(const Incarnation& incarnation) const;
  Status probe(const Incarnation& incarnation) const;
  Status refuse_mounted(const LayerRef& layer) const;
  std::optional<pid_t> first_process(const Incarnation& incarnation) const;
  void reap(const Incarnation& incarnation) const;
  Caveats caveats(const Resources& resources, const crun::Limits& limits) const;

  const CrunOptions options_;
  const crun::Layout layout_;
  const crun::Cgroups cgroups_;
  crun::IdRanges ranges_;
  crun::Network network_;
  os::Fd runs_;
  os::Fd program_;       // crun, in memory
  std::string seccomp_;
  std::atomic<bool> warming_{false};
};

}  // namespace mayfly
