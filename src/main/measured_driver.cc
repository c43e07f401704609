#include "main/measured_driver.h"

namespace mayfly {

std::string_view MeasuredDriver::name_of(Call call) {
  constexpr std::array<std::string_view, call_count> names = {
      "start", "kill", "limit", "freeze", "thaw", "release", "discard", "erase", "has_layer",
      "inspect", "cpu_time", "usage", "inventory", "export_layer", "import_layer", "make_volume"};
  return names[call];
}

template <class Act>
auto MeasuredDriver::measured(Call call, Act act) -> decltype(act()) {
  using std::chrono::steady_clock;
  const auto begin = steady_clock::now();
  auto answer = act();
  measures_[call].took.add(std::chrono::duration_cast<Duration>(steady_clock::now() - begin));
  if (!answer) ++measures_[call].errors;
  return answer;
}

Result<Started> MeasuredDriver::start(const LaunchSpec& launch) {
  return measured(start_call, [&] { return real_.start(launch); });
}

Status MeasuredDriver::kill(const Incarnation& incarnation) {
  return measured(kill_call, [&] { return real_.kill(incarnation); });
}

Result<Caveats> MeasuredDriver::limit(const Incarnation& incarnation, const Resources& resources) {
  return measured(limit_call, [&] { return real_.limit(incarnation, resources); });
}

Status MeasuredDriver::freeze(const Incarnation& incarnation) {
  return measured(freeze_call, [&] { return real_.freeze(incarnation); });
}

Status MeasuredDriver::thaw(const Incarnation& incarnation) {
  return measured(thaw_call, [&] { return real_.thaw(incarnation); });
}

Status MeasuredDriver::release(const Incarnation& incarnation) {
  return measured(release_call, [&] { return real_.release(incarnation); });
}

Result<Caveats> MeasuredDriver::make_volume(const LayerRef& layer, std::int64_t size_mb) {
  return measured(make_volume_call, [&] { return real_.make_volume(layer, size_mb); });
}

Status MeasuredDriver::discard(const LayerRef& layer, const DeletePermit& permit) {
  return measured(discard_call, [&] { return real_.discard(layer, permit); });
}

Status MeasuredDriver::erase(const LayerRef& layer) {
  return measured(erase_call, [&] { return real_.erase(layer); });
}

Result<bool> MeasuredDriver::has_layer(const LayerRef& layer) {
  return measured(has_layer_call, [&] { return real_.has_layer(layer); });
}

Result<Presence> MeasuredDriver::inspect(const Incarnation& incarnation) {
  return measured(inspect_call, [&] { return real_.inspect(incarnation); });
}

Result<std::int64_t> MeasuredDriver::cpu_time(const Incarnation& incarnation) {
  return measured(cpu_time_call, [&] { return real_.cpu_time(incarnation); });
}

Result<Usage> MeasuredDriver::usage(const Incarnation& incarnation, int layer) {
  return measured(usage_call, [&] { return real_.usage(incarnation, layer); });
}

Result<std::vector<Found>> MeasuredDriver::inventory() {
  return measured(inventory_call, [&] { return real_.inventory(); });
}

Result<ManifestSummary> MeasuredDriver::export_layer(const LayerRef& layer, const Exclusions& exclude, Sink& tar,
                                                     Sink& manifest) {
  return measured(export_call, [&] { return real_.export_layer(layer, exclude, tar, manifest); });
}

Result<ManifestSummary> MeasuredDriver::import_layer(const LayerRef& layer, Source& tar) {
  return measured(import_call, [&] { return real_.import_layer(layer, tar); });
}

}  // namespace mayfly
