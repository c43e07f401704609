#pragma once
// What each cleanup step does. Every one may run twice: the driver and the blob store take absent for success.

#include "app/archiver.h"
#include "app/emptying.h"
#include "app/effects.h"
#include "app/image_catalog.h"
#include "core/cleanup.h"
#include "core/holder.h"

namespace mayfly {

class Steps final : public Effects {
 public:
  Steps(Store& store, Driver& driver, BlobStore& blobs, Archiver& archiver, Random& random,
        const Installation& installation, ImageCatalog& images, const Deletion& deletion)
      : store_(store), driver_(driver), blobs_(blobs), archiver_(archiver), random_(random),
        installation_(installation), images_(images), emptying_(store, deletion) {}

  Result<Commit> perform(const Task& task) override;
  Commit record_only(const Task& task) const override;

 private:
  Result<Commit> perform_verb(const Task& task);
  Status end_container(const Holder& holder);
  Result<Commit> stop(const Holder& holder);
  Result<Commit> archive(const Task& task, const Holder& holder);
  Result<Commit> destroy(const Holder& holder);
  Result<Commit> confirm(const Holder& holder);
  Commit forget_sandbox(const ResourceId& id) const;
  Commit forget_volume(const ResourceId& id) const;
  Commit forget_plain(const ResourceId& id) const;
  Status refuse_mounted(const Holder& holder);
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
  const Emptying emptying_;
};

}  // namespace mayfly
