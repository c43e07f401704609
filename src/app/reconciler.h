#pragma once
// Level-triggered, both ways, at start and on a period: what the driver really has against what the store believes. It
// takes no input but the two, so a lost event costs one period and nothing else.

#include "app/deletion.h"
#include "app/diagnosis.h"
#include "app/uid_locks.h"

namespace mayfly {

class Reconciler {
 public:
  Reconciler(Store& store, Driver& driver, BlobStore& blobs, Images& images, const Deletion& deletion, UidLocks& locks,
             Random& random, const Installation& installation)
      : store_(store), driver_(driver), blobs_(blobs), images_(images), deletion_(deletion), locks_(locks),
        random_(random), installation_(installation) {}

  /// One pass. Its answer is what it found; what it could mend is under way.
  Result<Diagnosis> run_once();

  /// What a pass would do about that finding, now. busy: an effect on its uid is under way.
  Status settle(const reconcile::Finding& finding);

 private:
  Status mend(const reconcile::Finding& finding);
  Status remove_container(const reconcile::Finding& finding);
  Status erase(const reconcile::Finding& finding);
  Status note_lost(const ResourceId& id, int generation);
  Status quarantine(const Uuid& uid, int generation, int layer);
  Status quarantine_volume(const Uuid& uid, int layer);
  Status abandon_half_archives();
  Status abandon_half_volumes();

  Store& store_;
  Driver& driver_;
  BlobStore& blobs_;
  Images& images_;
  const Deletion& deletion_;
  UidLocks& locks_;
  Random& random_;
  const Installation& installation_;
};

/// A stranger is many things on the host: its newest generation and layer speak for it.
reconcile::Finding whole(reconcile::Finding stranger, const std::vector<reconcile::Finding>& findings);

/// A stranger that carries our instance is kept this long, stopped, and then archived and deleted.
constexpr Duration quarantine_retention = std::chrono::hours(24);

}  // namespace mayfly
