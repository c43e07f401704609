#include "simulation/host.h"

#include <algorithm>

#include "store/memory/store.h"

namespace mayfly::simulation {

bool Host::holds_anything_of(const Uuid& uid) const {
  const auto of_uid = [&](const auto& entry) { return entry.first.uid == uid; };
  return std::any_of(containers.begin(), containers.end(), of_uid) ||
         std::any_of(layers.begin(), layers.end(), of_uid) || std::any_of(trash.begin(), trash.end(), of_uid);
}

ManifestSummary summary_of(const std::string& content) {
  Trace hash;
  hash.note(content);
  return {std::to_string(hash.hash()), 1, static_cast<std::int64_t>(content.size()), 0};
}

namespace {

// What one letter of a layer stands for.
constexpr std::int64_t bytes_of_a_letter = 64 << 20;

class SimulatedDriver : public Driver {
 public:
  explicit SimulatedDriver(Host& host) : host_(host) {}

  Result<Started> start(const LaunchSpec& launch) override {
    const auto& incarnation = launch.incarnation;
    const LayerRef layer{incarnation.instance, incarnation.uid, launch.layer};
    const bool was_running = runs(incarnation);
    std::vector<LayerRef> writable;
    for (const auto& volume : launch.volumes)
      if (!volume.read_only) writable.push_back(volume.volume);
    host_.on_effect("start", incarnation);
    const auto create = [this, incarnation, layer, writable](bool running) {
      host_.layers.try_emplace(layer, "");
      host_.containers.insert_or_assign(incarnation, Container{running, false, layer.layer, {}, writable});
    };
    // A start is never carried out twice by itself: crun refuses what was not created for it.
    TRY(effect("start", incarnation.uid, helper, [=] { create(true); }, [=] { create(false); }));
    for (const auto& [other, container] : host_.containers)
      if (other.uid == incarnation.uid && other != incarnation && container.running)
        host_.violation("C5: two generations of " + hex(other.uid) + " run at once");
    return Started{{}, was_running};
  }

  Status kill(const Incarnation& incarnation) override {
    host_.on_effect("kill", incarnation);
    return effect("kill", incarnation.uid, repeatable, [this, incarnation] {
      if (auto found = host_.containers.find(incarnation); found != host_.containers.end())
        found->second.running = found->second.frozen = false;
    });
  }

  Result<Caveats> limit(const Incarnation& incarnation, const Resources& resources) override {
    if (!runs(incarnation)) return fail(Code::not_found, "nothing runs");
    TRY(effect("limit", incarnation.uid, nothing_special, [this, incarnation, resources] {
      if (auto found = host_.containers.find(incarnation); found != host_.containers.end())
        found->second.limits = resources;
    }));
    return Caveats();
  }

  Status freeze(const Incarnation& incarnation) override { return set_frozen("freeze", incarnation, true); }
  Status thaw(const Incarnation& incarnation) override { return set_frozen("thaw", incarnation, false); }

  Status release(const Incarnation& incarnation) override {
    if (runs(incarnation)) return fail(Code::busy, "processes still run");
    return effect("release", incarnation.uid, helper | repeatable, [this, incarnation] {
      if (!runs(incarnation)) host_.containers.erase(incarnation);
    });
  }

  Result<Caveats> make_volume(const LayerRef& layer, std::int64_t) override {
    const auto make = [this, layer] { host_.layers.try_emplace(layer, ""); };
    TRY(effect("make_volume", layer.uid, nothing_special, [=, this] {
      make();
      host_.volumes.insert(layer);
    }, make));
    return Caveats{"size limit: watched"};
  }

  Status discard(const LayerRef& layer, const DeletePermit& permit) override {
    if (!permit.covers(layer, permit.generation())) return fail(Code::conflict, "the permit is for another layer");
    for (const auto& [incarnation, container] : host_.containers) {
      const bool mounts = std::count(container.volumes.begin(), container.volumes.end(), layer) > 0;
      if (container.running && (incarnation.uid == layer.uid || mounts))
        return fail(Code::conflict, "something runs on it");
    }
    return effect("discard", layer.uid, repeatable, [this, layer] {
      const auto found = host_.layers.find(layer);
      if (found == host_.layers.end()) return;
      host_.trash[layer] = found->second;
      host_.layers.erase(found);
    });
  }

  Status erase(const LayerRef& layer) override {
    const auto destroy = [this, layer](bool all) {
      const auto found = host_.trash.find(layer);
      if (found == host_.trash.end()) return;
      host_.on_erase(layer, found->second);
      if (all) host_.trash.erase(found);
    };
    return effect("erase", layer.uid, repeatable, [=] { destroy(true); }, [=] { destroy(false); });
  }

  Result<bool> has_layer(const LayerRef& layer) override {
    if (host_.strike(&Faults::blind)) return fail(Code::unavailable, "cannot look");
    return host_.layers.contains(layer);
  }

  Result<Presence> inspect(const Incarnation& incarnation) override {
    host_.meanwhile();
    if (host_.strike(&Faults::blind)) return fail(Code::unavailable, "cannot look");
    Presence presence;
    if (const auto found = host_.containers.find(incarnation); found != host_.containers.end()) {
      presence.running = found->second.running;
      presence.frozen = found->second.frozen;
      presence.left.push_back({Found::What::cgroup, incarnation.uid, incarnation.generation, 0, "cgroup"});
    }
    return presence;
  }

  Result<std::int64_t> cpu_time(const Incarnation& incarnation) override {
    if (host_.strike(&Faults::blind)) return fail(Code::unavailable, "cannot look");
    return host_.cpu[incarnation.uid];
  }

  Result<Usage> usage(const Incarnation& incarnation, int layer) override {
    if (host_.strike(&Faults::blind)) return fail(Code::unavailable, "cannot look");
    const auto found = host_.layers.find({incarnation.instance, incarnation.uid, layer});
    const auto letters = found == host_.layers.end() ? 0 : found->second.size();
    return Usage{static_cast<std::int64_t>(letters) * bytes_of_a_letter, 0, host_.cpu[incarnation.uid]};
  }

  Result<std::vector<Found>> inventory() override {
    host_.meanwhile();
    if (host_.strike(&Faults::blind)) return fail(Code::unavailable, "cannot look");
    std::vector<Found> all;
    for (const auto& [incarnation, container] : host_.containers) {
      all.push_back({Found::What::cgroup, incarnation.uid, incarnation.generation, 0, to_string(incarnation)});
      if (container.running)
        all.push_back({Found::What::process, incarnation.uid, incarnation.generation, 0, to_string(incarnation)});
    }
    for (const auto& [layer, content] : host_.layers)
      all.push_back({host_.volumes.contains(layer) ? Found::What::volume : Found::What::layer, layer.uid, 0,
                     layer.layer, hex(layer.uid)});
    for (const auto& [layer, content] : host_.trash)
      all.push_back({Found::What::trash, layer.uid, 0, layer.layer, hex(layer.uid)});
    host_.meanwhile();
    return all;
  }

  /// One half is read before others act, and one after: whoever writes meanwhile tears it.
  Result<ManifestSummary> export_layer(const LayerRef& layer, const Exclusions&, Sink& tar, Sink& manifest) override {
    const auto before = TRY(content_of(layer));
    host_.meanwhile();
    if (host_.strike(&Faults::hang)) host_.take(std::chrono::seconds(host_.chance->below(600)));
    if (host_.strike(&Faults::crash_in_effect)) throw SimulatedCrash{};
    const auto after = TRY(content_of(layer));
    const auto half = std::min(before.size(), after.size()) / 2;
    const auto content = before.substr(0, half) + after.substr(half);
    TRY(tar.write(content));
    TRY(manifest.write(summary_of(content).digest));
    return summary_of(content);
  }

  Result<ManifestSummary> import_layer(const LayerRef& layer, Source& tar) override {
    std::string content(1 << 12, 0);
    content.resize(TRY(tar.read(content)));
    const auto write = [this, layer](std::string text) { host_.layers[layer] = std::move(text); };
    TRY(effect("import", layer.uid, nothing_special, [=] { write(content); },
               [=] { write(content.substr(0, content.size() / 2)); }));
    return summary_of(content);
  }

 private:
  // What an effect can be beside itself.
  enum Nature { nothing_special = 0, helper = 1, repeatable = 2 };   // a process of its own; one that may come again

  bool runs(const Incarnation& incarnation) const {
    const auto found = host_.containers.find(incarnation);
    return found != host_.containers.end() && found->second.running;
  }

  Result<std::string> content_of(const LayerRef& layer) const {
    const auto found = host_.layers.find(layer);
    if (found == host_.layers.end()) return fail(Code::not_found, "no such layer");
    return found->second;
  }

  Status set_frozen(const std::string& call, const Incarnation& incarnation, bool frozen) {
    if (!runs(incarnation)) return fail(Code::not_found, "nothing runs");
    host_.on_effect(call, incarnation);
    return effect(call, incarnation.uid, nothing_special, [this, incarnation, frozen] {
      if (auto found = host_.containers.find(incarnation); found != host_.containers.end() && found->second.running)
        found->second.frozen = frozen;
    });
  }

  bool still_busy(const std::string& call, const Uuid& uid) {
    if (host_.faults.busy == 0) return false;
    auto& left = host_.busy_left[call + hex(uid)];
    if (left == 0 && host_.strike(&Faults::busy)) left = 1 + static_cast<int>(host_.chance->below(4));
    return left > 0 && left-- > 0;
  }

  /// Done, or not, or half, and what is said of it.
  Status effect(const std::string& call, const Uuid& uid, int nature, const std::function<void()>& change,
                const std::function<void()>& half = {}) {
    host_.note(call);
    host_.meanwhile();
    if (still_busy(call, uid)) return told(fail(Code::busy, "in use"));
    if (host_.strike(&Faults::hang)) host_.take(std::chrono::seconds(host_.chance->below(600)));
    if (host_.strike(&Faults::unknown_not_done)) return told(fail(Code::timed_out, "no answer"));
    if (host_.strike(&Faults::wrongly_absent)) return told(fail(Code::not_found, "no such thing, it is said"));
    if (host_.strike(&Faults::crash_in_effect)) {
      if (host_.chance->percent(50)) change();
      throw SimulatedCrash{};
    }
    if (nature & helper && host_.strike(&Faults::late_helper)) {
      host_.helpers.push_back(change);
      throw SimulatedCrash{};
    }
    if (half && host_.strike(&Faults::half_done)) {
      half();
      return told(fail(Code::unavailable, "it broke off in the middle"));
    }
    change();
    if (nature & repeatable && host_.strike(&Faults::late_duplicate)) host_.later.push_back(change);
    host_.meanwhile();
    if (host_.strike(&Faults::unknown_done)) return told(fail(Code::timed_out, "no answer"));
    return told({});
  }

  Status told(Status status) {
    host_.note(status ? "done" : status.error().message);
    return status;
  }

  Host& host_;
};

}  // namespace

std::unique_ptr<Driver> driver_of(Host& host) { return std::make_unique<SimulatedDriver>(host); }

}  // namespace mayfly::simulation
