#pragma once
// Level-triggered, both ways, at start and on a period: what the driver really has against what the store believes. It
// takes no input but the two, so a lost event costs one period and nothing else.

#include "app/deletion.h"
#include "app/worker.h"
#include "core/reconcile.h"
#include "ports/blob_store.h"
#include "ports/driver.h"

namespace mayfly {

/// The whole comparison, for doctor too: differences of containers and files, and of archives against their objects.
struct Diagnosis {
  std::vector<reconcile::Finding> findings;
  std::vector<std::string> archives;         // sentences about archives and objects that do not match
  std::size_t sandboxes = 0, things = 0;     // how much was compared
  bool suspicious = false;

  bool clean() const { return findings.empty() && archives.empty(); }
};

Result<Diagnosis> diagnose(Store& store, Driver& driver, BlobStore& blobs, const std::string& instance);

class Reconciler {
 public:
  Reconciler(Store& store, Driver& driver, BlobStore& blobs, const Deletion& deletion, UidLocks& locks,
             Random& random, const Installation& installation)
      : store_(store), driver_(driver), blobs_(blobs), deletion_(deletion), locks_(locks), random_(random),
        installation_(installation) {}

  /// One pass. Its answer is what it found; what it could mend is under way.
  Result<Diagnosis> run_once();

 private:
  Status mend(const reconcile::Finding& finding);
  Status remove_container(const reconcile::Finding& finding);
  Status note_lost(const ResourceId& id, int generation);
  Status quarantine(const Uuid& uid, int generation, int layer);
  Status abandon_half_archives();

  Store& store_;
  Driver& driver_;
  BlobStore& blobs_;
  const Deletion& deletion_;
  UidLocks& locks_;
  Random& random_;
  const Installation& installation_;
};

/// A stranger that carries our instance is kept this long, stopped, and then archived and deleted.
constexpr Duration quarantine_retention = std::chrono::hours(24);

}  // namespace mayfly
