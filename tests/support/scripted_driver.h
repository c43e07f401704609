#pragma once
// The simulated driver, with a script of what goes wrong next, a record of what it was asked, and an eye on overlaps.

#include <deque>
#include <functional>
#include <set>

#include "simulation/host.h"

namespace mayfly {

class ScriptedDriver : public Driver {
 public:
  explicit ScriptedDriver(simulation::Host& host) : real_(simulation::driver_of(host)) {}

  /// The next calls of that name fail with this and do nothing.
  void fail_next(const std::string& call, Code code, int times = 1);
  /// The next call of that name does what it should, and its answer is lost.
  void lose_answer_of(const std::string& call);
  /// Somebody acts while the next call of that name is under way.
  void during(const std::string& call, std::function<void()> what);
  /// Somebody acts when the next call of that name has done its work, and before its answer is read.
  void after(const std::string& call, std::function<void()> what);

  std::vector<std::string> calls;  // "start 1", "kill 1", "erase": with the generation where there is one
  std::vector<std::string> overlaps;               // effects on one uid that were under way at the same time
  std::map<Uuid, std::int64_t> cpu, disk;          // what cpu_time and usage tell
  Caveats caveats;                                 // of every start
  std::vector<std::string> strange;                // what strangers tells
  int count(const std::string& call) const;

  Result<Started> start(const LaunchSpec& launch) override;
  Status kill(const Incarnation& incarnation) override;
  Result<Caveats> limit(const Incarnation& incarnation, const Resources& resources) override;
  Status freeze(const Incarnation& incarnation) override;
  Status thaw(const Incarnation& incarnation) override;
  Status release(const Incarnation& incarnation) override;
  Result<Caveats> make_volume(const LayerRef& layer, std::int64_t size_mb) override;
  Status discard(const LayerRef& layer, const DeletePermit& permit) override;
  Status erase(const LayerRef& layer) override;
  Result<bool> has_layer(const LayerRef& layer) override { return real_->has_layer(layer); }
  Result<Presence> inspect(const Incarnation& incarnation) override;
  Result<std::int64_t> cpu_time(const Incarnation& incarnation) override;
  Result<Usage> usage(const Incarnation& incarnation, int layer) override;
  Result<std::vector<Found>> inventory() override;
  Result<std::vector<std::string>> strangers() override { return strange; }
  Result<ManifestSummary> export_layer(const LayerRef& layer, const Exclusions& exclude, Sink& tar,
                                       Sink& manifest) override;
  Result<ManifestSummary> import_layer(const LayerRef& layer, Source& tar) override;

 private:
  struct Script {
    std::deque<Code> failures;
    int answers_to_lose = 0;
    std::function<void()> meanwhile, afterwards;
  };
  template <class Act>
  auto play(const std::string& call, const Uuid& uid, const std::string& of, Act act) -> decltype(act());

  std::unique_ptr<Driver> real_;
  std::map<std::string, Script> scripts_;
  std::set<Uuid> under_way_;
};

}  // namespace mayfly
