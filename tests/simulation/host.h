#pragma once
// The world outside the database, which a crash of the server leaves as it is: containers, layers, trash, objects. Its
// driver and its blob store fail in the ways that real ones do.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "ports/blob_store.h"
#include "ports/driver.h"
#include "simulation/chance.h"

namespace mayfly::simulation {

/// How often each thing goes wrong, in percent; a seed draws its own mixture.
struct Faults {
  int busy = 0, unknown_done = 0, unknown_not_done = 0, crash_in_effect = 0;
  int lying_blob = 0, torn_blob = 0, flipped_bit = 0, blob_down = 0;
  int commit_refused = 0, crash_at_commit = 0;
  bool any() const { return busy + unknown_done + unknown_not_done + crash_in_effect + lying_blob + torn_blob +
                            flipped_bit + blob_down + commit_refused + crash_at_commit > 0; }
};

struct Container {
  bool running = true, frozen = false;
  int layer = 1;
  Resources limits{};                                  // of a later word than the start's
};

struct Host {
  std::map<Incarnation, Container> containers;         // also those that are dead but not released
  std::map<LayerRef, std::string> layers;              // what their files hold
  std::map<LayerRef, std::string> trash;
  std::set<LayerRef> volumes;                          // which of the layers are marked as volumes
  std::map<std::string, std::string> objects;

  Faults faults;
  Chance* chance = nullptr;
  std::function<void()> meanwhile = [] {};             // others act while an effect is under way
  std::function<void(const LayerRef&, const std::string& bytes)> on_erase;   // bytes are gone for ever
  std::function<void(const std::string&)> violation;

  bool holds_anything_of(const Uuid& uid) const;
};

/// A digest that tells contents apart.
ManifestSummary summary_of(const std::string& content);

std::unique_ptr<Driver> driver_of(Host& host);
std::unique_ptr<BlobStore> blobs_of(Host& host);
std::unique_ptr<ArchiveReader> reader_of(Host& host);

}  // namespace mayfly::simulation
