#include "support/scripted_driver.h"

#include <algorithm>

namespace mayfly {

void ScriptedDriver::fail_next(const std::string& call, Code code, int times) {
  scripts_[call].failures.insert(scripts_[call].failures.end(), static_cast<std::size_t>(times), code);
}

void ScriptedDriver::lose_answer_of(const std::string& call) { ++scripts_[call].answers_to_lose; }

void ScriptedDriver::during(const std::string& call, std::function<void()> what) {
  scripts_[call].meanwhile = std::move(what);
}

void ScriptedDriver::after(const std::string& call, std::function<void()> what) {
  scripts_[call].afterwards = std::move(what);
}

int ScriptedDriver::count(const std::string& call) const {
  return static_cast<int>(std::count_if(calls.begin(), calls.end(), [&](const std::string& asked) {
    return asked == call || asked.starts_with(call + " ");
  }));
}

template <class Act>
auto ScriptedDriver::play(const std::string& call, const Uuid& uid, const std::string& of, Act act) -> decltype(act()) {
  calls.push_back(call + of);
  if (!under_way_.insert(uid).second) overlaps.push_back(call + of);
  auto& script = scripts_[call];
  if (const auto meanwhile = std::exchange(script.meanwhile, nullptr)) meanwhile();
  auto answer = [&]() -> decltype(act()) {
    if (!script.failures.empty()) {
      const Code code = script.failures.front();
      script.failures.pop_front();
      return fail(code, call + " was told to answer " + std::string(name(code)));
    }
    auto done = act();
    if (script.answers_to_lose == 0) return done;
    --script.answers_to_lose;
    return fail(Code::timed_out, "no answer to " + call);
  }();
  under_way_.erase(uid);
  if (const auto afterwards = std::exchange(script.afterwards, nullptr)) afterwards();
  return answer;
}

namespace {
std::string generation(const Incarnation& incarnation) { return " " + std::to_string(incarnation.generation); }
}  // namespace

Result<Started> ScriptedDriver::start(const LaunchSpec& launch) {
  return play("start", launch.incarnation.uid, generation(launch.incarnation), [&] {
    auto started = real_->start(launch);
    if (started) started->caveats = caveats;
    return started;
  });
}

Status ScriptedDriver::kill(const Incarnation& incarnation) {
  return play("kill", incarnation.uid, generation(incarnation), [&] { return real_->kill(incarnation); });
}

Result<Caveats> ScriptedDriver::limit(const Incarnation& incarnation, const Resources& resources) {
  return play("limit", incarnation.uid, generation(incarnation), [&] { return real_->limit(incarnation, resources); });
}

Status ScriptedDriver::freeze(const Incarnation& incarnation) {
  return play("freeze", incarnation.uid, generation(incarnation), [&] { return real_->freeze(incarnation); });
}

Status ScriptedDriver::thaw(const Incarnation& incarnation) {
  return play("thaw", incarnation.uid, generation(incarnation), [&] { return real_->thaw(incarnation); });
}

Status ScriptedDriver::release(const Incarnation& incarnation) {
  return play("release", incarnation.uid, generation(incarnation), [&] { return real_->release(incarnation); });
}

Result<Caveats> ScriptedDriver::make_volume(const LayerRef& layer, std::int64_t size_mb) {
  return play("make_volume", layer.uid, "", [&] { return real_->make_volume(layer, size_mb); });
}

Status ScriptedDriver::discard(const LayerRef& layer, const DeletePermit& permit) {
  return play("discard", layer.uid, "", [&] { return real_->discard(layer, permit); });
}

Status ScriptedDriver::erase(const LayerRef& layer) {
  return play("erase", layer.uid, "", [&] { return real_->erase(layer); });
}

Result<Presence> ScriptedDriver::inspect(const Incarnation& incarnation) {
  return play("inspect", incarnation.uid, generation(incarnation), [&] { return real_->inspect(incarnation); });
}

Result<std::int64_t> ScriptedDriver::cpu_time(const Incarnation& incarnation) { return cpu[incarnation.uid]; }

Result<Usage> ScriptedDriver::usage(const Incarnation& incarnation, int) {
  return play("usage", incarnation.uid, "", [&]() -> Result<Usage> { return Usage{disk[incarnation.uid], 0, 0}; });
}

Result<std::vector<Found>> ScriptedDriver::inventory() {
  return play("inventory", {}, "", [&] { return real_->inventory(); });
}

Result<ManifestSummary> ScriptedDriver::export_layer(const LayerRef& layer, const Exclusions& exclude, Sink& tar,
                                                     Sink& manifest) {
  return play("export", layer.uid, "", [&] { return real_->export_layer(layer, exclude, tar, manifest); });
}

Result<ManifestSummary> ScriptedDriver::import_layer(const LayerRef& layer, Source& tar) {
  return play("import", layer.uid, "", [&] { return real_->import_layer(layer, tar); });
}

}  // namespace mayfly
