#pragma once
// The world outside the database, which a crash of the server leaves as it is: containers, layers, trash, objects. Its
// driver and its blob store fail in the ways that real ones do.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ports/blob_store.h"
#include "ports/driver.h"
#include "simulation/faults.h"

namespace mayfly::simulation {

struct Container {
  bool running = true, frozen = false;
  int layer = 1;
  Resources limits{};                                  // of a later word than the start's
  std::vector<LayerRef> volumes = {};                  // that it may write to
};

struct Host {
  std::map<Incarnation, Container> containers;         // also those that are dead but not released
  std::map<LayerRef, std::string> layers;              // what their files hold
  std::map<LayerRef, std::string> trash;
  std::set<LayerRef> volumes;                          // which of the layers are marked as volumes
  std::map<std::string, std::string> objects;

  std::map<Uuid, std::int64_t> cpu;                    // microseconds: who writes has run
  std::set<std::string> rotten;                        // objects that were damaged after they were verified
  std::vector<std::function<void()>> helpers;          // of a server that died: they end before the next one acts
  std::vector<std::function<void()>> later;            // calls that are carried out once more, some time

  Faults faults;
  Chance* chance = nullptr;
  std::map<std::string, int> busy_left{};              // by call and uid
  std::function<void()> meanwhile = [] {};             // others act while an effect is under way
  std::function<void(Duration)> take = [](Duration) {};   // so long
  std::function<void(const LayerRef&, const std::string& bytes)> on_erase;   // bytes are gone for ever
  std::function<void(std::string_view call, const Incarnation& to)> on_effect = [](auto, auto&) {};
  std::function<void(std::string_view)> note = [](auto) {};
  std::function<void(const std::string&)> violation;

  bool strike(int Faults::*rate) { return faults.*rate > 0 && chance->percent(faults.*rate); }
  bool holds_anything_of(const Uuid& uid) const;
};

/// A digest that tells contents apart.
ManifestSummary summary_of(const std::string& content);

std::unique_ptr<Driver> driver_of(Host& host);
std::unique_ptr<BlobStore> blobs_of(Host& host);
std::unique_ptr<ArchiveReader> reader_of(Host& host);

}  // namespace mayfly::simulation
