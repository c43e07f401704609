#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "app/deletion.h"
#include "ports/blob_store.h"
#include "ports/databases.h"
#include "ports/driver.h"

namespace mayfly {

struct NewVolume {
  std::string name = {};                     // empty: one is made
  std::optional<std::int64_t> size_mb = {};  // nothing: that of the archive, or the default
  Labels labels = {};
  std::string restore_from = {};             // arc_... of a volume
  Kind kind = Kind::volume;                  // or a database
};

struct VolumeDeletion {
  TaskId task;
  Volume volume;
};

/// Folders that outlive their sandboxes, and databases, which are such folders with one file.
class Volumes {
 public:
  Volumes(Store& store, Driver& driver, BlobStore& blobs, const Deletion& deletion, Random& random,
          const Installation& installation, DatabaseProvider& databases)
      : store_(store), driver_(driver), blobs_(blobs), deletion_(deletion), random_(random),
        installation_(installation), databases_(databases) {}

  /// Ready to be mounted when it answers; blocks for as long as its archive is unpacked. What cannot be made is deleted
  /// again. conflict: the name is taken. not_found: no such archive.
  Result<Volume> create(const Caller& caller, const NewVolume& wish);

  /// By id, or by name: the living one, else the newest tombstone.
  Result<Volume> get(const Caller& caller, const std::string& id_or_name);
  Result<std::vector<Volume>> list(const Caller& caller, VolumeFilter filter, const Page& page);
  /// conflict "volume_mounted" while a sandbox that is not gone mounts it.
  Result<VolumeDeletion> remove(const Caller& caller, const std::string& id_or_name, const DeleteRequest& request);

  /// Deletes what could not be made and could not be given up at once. To be called about once a second.
  Status run_once();

  /// Run before each create, which it may refuse.
  void before_create(std::function<Status()> check) { before_create_ = std::move(check); }

 private:
  Result<Volume> begin(const Caller& caller, const NewVolume& wish);
  Result<Caveats> make(const Volume& volume);
  Status fill(const Volume& volume);
  Result<Volume> finish(const Caller& caller, const ResourceId& id, const Caveats& caveats);
  void give_up(const ResourceId& id);
  Status abandon(const ResourceId& id);

  Store& store_;
  Driver& driver_;
  BlobStore& blobs_;
  const Deletion& deletion_;
  Random& random_;
  const Installation& installation_;
  DatabaseProvider& databases_;
  std::function<Status()> before_create_;
  std::mutex mutex_;
  std::vector<ResourceId> given_up_;   // in rows that could not be written yet; the next start finds them as well
};

/// The volume or database of that id or name in the workspace, for a transaction that goes on with it.
Result<Volume> find_volume(Transaction& t, const Caller& caller, const std::string& id_or_name,
                           Kind kind = Kind::volume);

/// The wish with ids for names. conflict for a volume that is being made or deleted.
Result<std::vector<VolumeMount>> resolve_mounts(Transaction& t, const Caller& caller,
                                                const std::vector<VolumeMount>& wish);

}  // namespace mayfly
