#pragma once
// Writes the layer of a stopped sandbox, or of a volume, as an archive: row first, then bytes, then read back, then
// verified. Only a verified one mints the permit to destroy the layer.

#include <atomic>

#include "app/installation.h"
#include "core/caller.h"
#include "core/holder.h"
#include "ports/blob_store.h"
#include "ports/clock.h"
#include "ports/driver.h"
#include "ports/store.h"

namespace mayfly {

/// What an attempt found out, for the transaction that records it.
struct Archived {
  Archive archive;       // with content, stored_bytes
  bool nothing = false;  // it has no layer: it never started, and there is nothing to lose
};

class Archiver {
 public:
  /// Compressed bytes of archives that were read back and found right in this life.
  std::atomic<std::uint64_t> bytes_archived{0};

  Archiver(Store& store, Driver& driver, BlobStore& blobs, ArchiveReader& reader, Random& random,
           const Installation& installation)
      : store_(store), driver_(driver), blobs_(blobs), reader_(reader), random_(random), installation_(installation) {}

  /// The effect. Nothing may run on the layer; an attempt before this one may have left half an archive.
  Result<Archived> archive(const Holder& holder, Duration retention);

  /// The record: the archive is active and its permit minted.
  Status commit(Transaction& t, const Holder& holder, const Archived& done);

 private:
  Result<Archive> begin_row(const Holder& holder, Duration retention);
  Result<ManifestSummary> write_blobs(const Holder& holder, const Archive& archive);
  Status tell_if_over_quota(Transaction& t, const Caller& caller, const Archive& archive);
  Status verify(const Archive& archive, const ManifestSummary& written);

  Store& store_;
  Driver& driver_;
  BlobStore& blobs_;
  ArchiveReader& reader_;
  Random& random_;
  const Installation& installation_;
};

}  // namespace mayfly
