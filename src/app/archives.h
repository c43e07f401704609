#pragma once

#include <atomic>
#include <deque>
#include <mutex>

#include "app/deletion.h"
#include "ports/blob_store.h"
#include "ports/clock.h"
#include "ports/driver.h"

namespace mayfly {

/// When an archive ends: so long after it was verified, or at that instant. Neither: it is kept for ever.
struct ArchiveExpiry {
  std::optional<Duration> retention;
  std::optional<WallTime> at;
};

/// Trouble of a look at an archive after which another look may find its bytes well.
bool says_nothing_of_the_bytes(Code code);

/// What people do with archives. Restoring one is creating a sandbox from it.
class Archives {
 public:
  Archives(Store& store, BlobStore& blobs, ArchiveReader& reader, const Deletion& deletion, Random& random,
           const Installation& installation)
      : store_(store), blobs_(blobs), reader_(reader), deletion_(deletion), random_(random),
        installation_(installation) {}

  /// Runs what takes long, on a thread that may block for it.
  std::function<void(std::function<void()>)> post = [](const std::function<void()>& work) { work(); };

  Result<Archive> get(const Caller& caller, const std::string& id);
  Result<std::vector<Archive>> list(const Caller& caller, ArchiveFilter filter, const Page& page);

  // The bytes of one. conflict unless it is active.

  /// All of it, a tar compressed with zstd, or without the compression.
  Result<std::unique_ptr<Source>> content(const Archive& archive);
  Result<std::unique_ptr<Source>> plain_content(const Archive& archive);
  /// One regular file of it, whichever of its names is given. Reads the archive up to there.
  Result<ArchivedFile> file(const Archive& archive, const std::string& path);
  /// Visits what lies at that path of it ("a/b"; "." is all) and below.
  Status visit(const Archive& archive, const std::string& path, const ArchiveVisitor& visitor);
  /// Its manifest, one JSON line per entry, from that byte on.
  Result<std::unique_ptr<Source>> manifest(const Archive& archive, std::int64_t offset = 0);

  /// Replaces its end, which may come sooner for it.
  Result<Archive> set_expiry(const Caller& caller, const std::string& id, const ArchiveExpiry& expiry);
  /// Puts its end off; never shortens.
  Result<Archive> keep_longer(const Caller& caller, const std::string& id, const lifetime::Extension& wish);

  Result<TaskId> remove(const Caller& caller, const std::string& id);

  /// Reads the stored bytes back and compares them with the manifest. The archive as it is afterwards: verify_error
  /// names the first difference, and an event tells of it. Trouble that says nothing of the bytes is an error and
  /// recorded nowhere. `then` runs once, maybe much later; few are under way at a time, and the queue has a size.
  void verify(const Caller& caller, const std::string& id, std::function<void(Result<Archive>)> then);
  /// The same look, recorded nowhere: how the stored bytes differ from what was recorded, if they do.
  Status compare(const Archive& archive);
  /// Ends what is under way soon, with an error, and takes no more.
  void stop_verifying();

 private:
  struct Verification {
    Caller caller;
    Archive archive;
    std::function<void(Result<Archive>)> then;
  };
  Result<Archive> visible(Transaction& t, const Caller& caller, const std::string& id) const;
  Result<Archive> change_expiry(const Caller& caller, const std::string& id,
                                const std::function<Status(Transaction&, Lifetime&)>& change);
  void verify_queued();
  Result<Archive> verify_now(const Verification& wanted);

  Store& store_;
  BlobStore& blobs_;
  ArchiveReader& reader_;
  const Deletion& deletion_;
  Random& random_;
  const Installation& installation_;

  std::mutex mutex_;
  std::deque<Verification> verifications_;   // that wait
  int verifying_ = 0;                        // threads that work on them
  std::atomic<bool> stopping_{false};
};

}  // namespace mayfly
