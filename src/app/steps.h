#pragma once
// What each cleanup step does. Every one may run twice: the driver and the blob store take absent for success.

#include <functional>

#include "app/archiver.h"
#include "app/image_catalog.h"
#include "core/cleanup.h"
#include "core/holder.h"

namespace mayfly {

/// What the transaction that records a successful effect writes besides the task itself.
using Commit = std::function<Status(Transaction&)>;

class Steps {
 public:
  Steps(Store& store, Driver& driver, BlobStore& blobs, Archiver& archiver, Random& random,
        const Installation& installation, ImageCatalog& images)
      : store_(store), driver_(driver), blobs_(blobs), archiver_(archiver), random_(random),
        installation_(installation), images_(images) {}

  /// Carries the step out; nothing is held meanwhile.
  Result<Commit> perform(const Task& task);

  /// What a step without an effect writes: it needs no attempt of its own. Empty for all others.
  Commit record_only(const Task& task) const;

 private:
  Result<Commit> perform_verb(const Task& task);
  Status end_container(const Holder& holder);
  Result<Commit> stop(const Holder& holder);
  Result<Commit> archive(const Task& task, const Holder& holder);
  Result<Commit> destroy(const Holder& holder);
  Result<Commit> confirm(const Holder& holder);
  Commit forget_sandbox(const ResourceId& id) const;
  Commit forget_volume(const ResourceId& id) const;
  Result<Commit> destroy_archive(const Archive& archive);
  Commit forget_archive(const ResourceId& id) const;
  Result<Commit> image_step(const Task& task);
  Result<Commit> confirm_runtime(const ResourceId& id);
  Commit forget_runtime(const ResourceId& id) const;

  Store& store_;
  Driver& driver_;
  BlobStore& blobs_;
  Archiver& archiver_;
  Random& random_;
  const Installation& installation_;
  ImageCatalog& images_;
};

}  // namespace mayfly
