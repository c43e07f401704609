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

class SimulatedDriver : public Driver {
 public:
  explicit SimulatedDriver(Host& host) : host_(host) {}

  Result<Started> start(const LaunchSpec& launch) override {
    const LayerRef layer{launch.incarnation.instance, launch.incarnation.uid, launch.layer};
    const bool was_running = runs(launch.incarnation);
    TRY(effect([&] {
      for (const auto& [other, container] : host_.containers)
        if (other.uid == launch.incarnation.uid && other != launch.incarnation && container.running)
          host_.violation("C5: two generations of " + hex(other.uid) + " run at once");
      host_.layers.try_emplace(layer, "");
      host_.containers.insert_or_assign(launch.incarnation, Container{true, false, launch.layer});
    }));
    return Started{{}, was_running};
  }

  Status kill(const Incarnation& incarnation) override {
    return effect([&] {
      if (auto found = host_.containers.find(incarnation); found != host_.containers.end())
        found->second.running = found->second.frozen = false;
    });
  }

  Result<Caveats> limit(const Incarnation& incarnation, const Resources& resources) override {
    if (!runs(incarnation)) return fail(Code::not_found, "nothing runs");
    TRY(effect([&] { host_.containers.at(incarnation).limits = resources; }));
    return Caveats();
  }

  Status freeze(const Incarnation& incarnation) override { return set_frozen(incarnation, true); }
  Status thaw(const Incarnation& incarnation) override { return set_frozen(incarnation, false); }

  Status release(const Incarnation& incarnation) override {
    if (runs(incarnation)) return fail(Code::busy, "processes still run");
    return effect([&] { host_.containers.erase(incarnation); });
  }

  Result<Caveats> make_volume(const LayerRef& layer, std::int64_t) override {
    TRY(effect([&] {
      host_.layers.try_emplace(layer, "");
      host_.volumes.insert(layer);
    }));
    return Caveats{"size limit: watched"};
  }

  Status discard(const LayerRef& layer, const DeletePermit& permit) override {
    if (!permit.covers(layer, permit.generation())) return fail(Code::conflict, "the permit is for another layer");
    for (const auto& [incarnation, container] : host_.containers)
      if (incarnation.uid == layer.uid && container.running) return fail(Code::conflict, "something runs on it");
    return effect([&] {
      const auto found = host_.layers.find(layer);
      if (found == host_.layers.end()) return;
      host_.trash[layer] = found->second;
      host_.layers.erase(found);
    });
  }

  Status erase(const LayerRef& layer) override {
    return effect([&] {
      const auto found = host_.trash.find(layer);
      if (found == host_.trash.end()) return;
      host_.on_erase(layer, found->second);
      host_.trash.erase(found);
    });
  }

  Result<bool> has_layer(const LayerRef& layer) override { return host_.layers.contains(layer); }

  Result<Presence> inspect(const Incarnation& incarnation) override {
    if (host_.chance->percent(host_.faults.busy)) return fail(Code::unavailable, "cannot look");
    Presence presence;
    if (const auto found = host_.containers.find(incarnation); found != host_.containers.end()) {
      presence.running = found->second.running;
      presence.frozen = found->second.frozen;
      presence.left.push_back({Found::What::cgroup, incarnation.uid, incarnation.generation, 0, "cgroup"});
    }
    return presence;
  }

  Result<std::int64_t> cpu_time(const Incarnation&) override { return 0; }
  Result<Usage> usage(const Incarnation&, int) override { return Usage{}; }

  Result<std::vector<Found>> inventory() override {
    if (host_.chance->percent(host_.faults.busy)) return fail(Code::unavailable, "cannot look");
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
    return all;
  }

  Result<ManifestSummary> export_layer(const LayerRef& layer, const Exclusions&, Sink& tar, Sink& manifest) override {
    const auto found = host_.layers.find(layer);
    if (found == host_.layers.end()) return fail(Code::not_found, "no such layer");
    const std::string content = found->second;
    host_.meanwhile();
    TRY(tar.write(content));
    TRY(manifest.write(summary_of(content).digest));
    return summary_of(content);
  }

  Result<ManifestSummary> import_layer(const LayerRef& layer, Source& tar) override {
    std::string content(1 << 16, 0);
    const auto count = TRY(tar.read(content));
    content.resize(count);
    TRY(effect([&] { host_.layers[layer] = content; }));
    return summary_of(content);
  }

 private:
  bool runs(const Incarnation& incarnation) const {
    const auto found = host_.containers.find(incarnation);
    return found != host_.containers.end() && found->second.running;
  }

  Status set_frozen(const Incarnation& incarnation, bool frozen) {
    if (!runs(incarnation)) return fail(Code::not_found, "nothing runs");
    return effect([&] {
      if (auto found = host_.containers.find(incarnation); found != host_.containers.end())
        found->second.frozen = frozen;
    });
  }

  /// Done, or not, and what is said of it.
  template <class Change>
  Status effect(Change change) {
    auto& chance = *host_.chance;
    host_.meanwhile();
    if (chance.percent(host_.faults.busy)) return fail(Code::busy, "in use");
    if (chance.percent(host_.faults.unknown_not_done)) return fail(Code::timed_out, "no answer");
    if (chance.percent(host_.faults.crash_in_effect)) {
      if (chance.percent(50)) change();
      throw SimulatedCrash{};
    }
    change();
    if (chance.percent(host_.faults.unknown_done)) return fail(Code::timed_out, "no answer");
    return {};
  }

  Host& host_;
};

class ObjectWriter : public BlobWriter {
 public:
  ObjectWriter(Host& host, std::string key) : host_(host), key_(std::move(key)) {}

  Status write(std::span<const char> bytes) override {
    bytes_.append(bytes.data(), bytes.size());
    return {};
  }

  Status commit() override {
    auto& chance = *host_.chance;
    if (chance.percent(host_.faults.blob_down)) return fail(Code::unavailable, "the store is down");
    if (chance.percent(host_.faults.crash_in_effect)) throw SimulatedCrash{};
    if (chance.percent(host_.faults.lying_blob)) return {};
    if (chance.percent(host_.faults.torn_blob)) bytes_.resize(bytes_.size() / 2);
    if (chance.percent(host_.faults.flipped_bit) && !bytes_.empty()) bytes_[chance.below(bytes_.size())] ^= 1;
    if (!host_.objects.try_emplace(key_, bytes_).second) return fail(Code::conflict, "the key is taken");
    return {};
  }

 private:
  Host& host_;
  std::string key_, bytes_;
};

class ObjectReader : public Source {
 public:
  explicit ObjectReader(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<std::size_t> read(std::span<char> room) override {
    const auto count = std::min(room.size(), bytes_.size() - at_);
    std::copy_n(bytes_.data() + at_, count, room.data());
    at_ += count;
    return count;
  }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

class SimulatedBlobs : public BlobStore {
 public:
  explicit SimulatedBlobs(Host& host) : host_(host) {}
  Result<std::unique_ptr<BlobWriter>> create(const std::string& key) override {
    if (host_.objects.contains(key)) return fail(Code::conflict, "the key is taken");
    return std::unique_ptr<BlobWriter>(new ObjectWriter(host_, key));
  }
  Result<std::unique_ptr<Source>> open(const std::string& key) override { return open_at(key, 0); }
  Result<std::unique_ptr<Source>> open_at(const std::string& key, std::int64_t offset) override {
    const auto found = host_.objects.find(key);
    if (found == host_.objects.end()) return fail(Code::not_found, "no object " + key);
    return std::unique_ptr<Source>(new ObjectReader(found->second.substr(static_cast<std::size_t>(offset))));
  }
  Result<BlobInfo> stat(const std::string& key) override {
    const auto found = host_.objects.find(key);
    if (found == host_.objects.end()) return fail(Code::not_found, "no object " + key);
    return BlobInfo{key, static_cast<std::int64_t>(found->second.size())};
  }
  Status remove(const std::string& key) override {
    if (host_.chance->percent(host_.faults.blob_down)) return fail(Code::unavailable, "the store is down");
    host_.objects.erase(key);
    return {};
  }
  Result<std::vector<BlobInfo>> list(const std::string& prefix) override {
    std::vector<BlobInfo> all;
    for (const auto& [key, bytes] : host_.objects)
      if (key.starts_with(prefix)) all.push_back({key, static_cast<std::int64_t>(bytes.size())});
    return all;
  }

 private:
  Host& host_;
};

class SimulatedReader : public ArchiveReader {
 public:
  Result<ManifestSummary> read_back(Source& tar, Source* manifest) override {
    std::string content(1 << 16, 0), expected(1 << 10, 0);
    content.resize(TRY(tar.read(content)));
    if (manifest) expected.resize(TRY(manifest->read(expected)));
    const auto found = summary_of(content);
    if (manifest && found.digest != expected) return fail(Code::conflict, "the first line differs");
    return found;
  }
  std::unique_ptr<Source> plain(std::unique_ptr<Source> tar) override { return tar; }
  Result<ArchivedFile> file(std::unique_ptr<Source> tar, const std::string&) override {
    return ArchivedFile{0, std::move(tar), {}};
  }
  Status visit(Source&, const std::string& path, const ArchiveVisitor&) override {
    return fail(Code::not_found, "the archive has nothing at " + path);
  }
};

}  // namespace

std::unique_ptr<Driver> driver_of(Host& host) { return std::make_unique<SimulatedDriver>(host); }
std::unique_ptr<BlobStore> blobs_of(Host& host) { return std::make_unique<SimulatedBlobs>(host); }
std::unique_ptr<ArchiveReader> reader_of(Host&) { return std::make_unique<SimulatedReader>(); }

}  // namespace mayfly::simulation
