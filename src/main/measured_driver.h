#pragma once

#include "main/histogram.h"
#include "ports/driver.h"

namespace mayfly {

/// Another driver, and how long each of its calls takes and how it ends.
class MeasuredDriver : public Driver {
 public:
  enum Call { start_call, kill_call, limit_call, freeze_call, thaw_call, release_call, discard_call, erase_call,
              has_layer_call, inspect_call, cpu_time_call, usage_call, inventory_call, export_call, import_call,
              make_volume_call, call_count };
  struct Measure {
    Histogram took;
    std::atomic<std::uint64_t> errors{0};
  };

  explicit MeasuredDriver(Driver& real) : real_(real) {}

  static std::string_view name_of(Call call);
  const Measure& of(Call call) const { return measures_[call]; }

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
  Result<std::vector<std::string>> strangers() override { return real_.strangers(); }
  Result<std::vector<std::string>> disorders() override { return real_.disorders(); }
  Result<ManifestSummary> export_layer(const LayerRef& layer, const Exclusions& exclude, Sink& tar,
                                       Sink& manifest) override;
  Result<ManifestSummary> import_layer(const LayerRef& layer, Source& tar) override;

 private:
  template <class Act>
  auto measured(Call call, Act act) -> decltype(act());

  Driver& real_;
  std::array<Measure, call_count> measures_;
};

}  // namespace mayfly
