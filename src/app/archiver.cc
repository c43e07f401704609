#include "app/archiver.h"

#include "app/audit.h"
#include "app/deletion.h"
#include "app/ids.h"
#include "base/failpoint.h"

namespace mayfly {

/// A delete never waits for a quota, and no bytes are lost to one: it is told instead.
Status Archiver::tell_if_over_quota(Transaction& t, const Caller& caller, const Archive& archive) {
  const auto workspace = TRY(t.identities().find_workspace(archive.resource.workspace.text));
  if (!workspace || !workspace->quota.archive_bytes) return {};
  const auto used = TRY(t.usage().of(archive.resource.workspace)).archive_bytes;
  if (used <= *workspace->quota.archive_bytes) return {};
  TRY(audit(t, random_, caller, "archive.over_quota", archive.resource,
            {{"limit", std::to_string(*workspace->quota.archive_bytes)}, {"used", std::to_string(used)}}));
  return {};
}

Result<Archived> Archiver::archive(const Holder& holder, Duration retention) {
  const auto presence = TRY(driver_.inspect(incarnation_of(holder, installation_)));
  if (presence.running)
    return fail(Code::busy, "cannot archive " + holder.resource.id.text + ": processes still run in it");

  Archived done;
  done.archive = TRY(begin_row(holder, retention));
  FAILPOINT("archive.after_row");
  if (!TRY(driver_.has_layer(layer_of(holder, installation_)))) {
    if (holder.has_files)
      return fail(Code::internal, "the files of " + holder.resource.id.text + " are not where they should be",
                  "layer_missing");
    done.nothing = true;
    return done;
  }
  const auto written = write_blobs(holder, done.archive);
  if (!written) {
    Error error = in_context("archiving " + holder.resource.id.text, written.error());
    // Something vanished on the way, but the layer did not: that is trouble, and never "nothing to archive".
    if (error.code == Code::not_found) error.code = Code::unavailable;
    return tl::unexpected(error);
  }
  FAILPOINT("archive.after_write");
  TRY(verify(done.archive, *written));
  FAILPOINT("archive.after_verify");
  done.archive.content = *written;
  done.archive.stored_bytes = TRY(blobs_.stat(done.archive.key)).bytes;
  bytes_archived += static_cast<std::uint64_t>(done.archive.stored_bytes);
  return done;
}

Result<Archive> Archiver::begin_row(const Holder& holder, Duration retention) {
  return store_.write([&](Transaction& t) -> Result<Archive> {
    // An attempt that died left its row: its key is used again, so no half archive is forgotten.
    const ArchiveFilter begun{.workspace = {}, .sandbox = holder.resource.id, .states = {State::writing}};
    for (auto& row : TRY(t.archives().list(begun, {}))) return row;

    Archive row;
    row.resource.id = {new_id("arc_", t, random_)};
    row.resource.kind = Kind::archive;
    row.resource.parent = row.resource.workspace = holder.resource.workspace;
    row.resource.name_held = false;
    row.resource.state = State::writing;
    row.resource.labels = holder.resource.labels;
    row.resource.created_at = row.resource.updated_at = t.now();
    row.sandbox = holder.resource.id;
    row.sandbox_name = holder.resource.name;
    row.layer = holder.layer;
    row.generation = holder.resource.generation;
    row.spec = holder.spec;
    row.key = new_archive_key(holder.resource.workspace, holder.resource.id, row.resource.id);
    LifetimePolicy policy;
    if (retention > Duration::zero()) policy.max_age = retention;
    row.lifetime = lifetime::begin(row.resource.id, State::writing, policy, t.moment());
    row.lifetime.expires_at.reset();  // its days are counted from the moment it is verified
    row.lifetime.wake_at.reset();
    TRY(t.archives().insert(row));
    return row;
  });
}

Result<ManifestSummary> Archiver::write_blobs(const Holder& holder, const Archive& archive) {
  TRY(blobs_.remove(archive.key));
  TRY(blobs_.remove(manifest_key(archive)));
  const auto tar = TRY(blobs_.create(archive.key));
  const auto manifest = TRY(blobs_.create(manifest_key(archive)));
  const auto summary =
      TRY(driver_.export_layer(layer_of(holder, installation_), holder.spec.exclude, *tar, *manifest));
  TRY(tar->commit());
  FAILPOINT("archive.between_blobs");
  TRY(manifest->commit());
  return summary;
}

Status Archiver::verify(const Archive& archive, const ManifestSummary& written) {
  const auto trouble = [&](const Error& error) -> Status {
    // What was stored is not what was read: write it again. Only a store that goes on lying keeps the delete waiting.
    return fail(Code::unavailable, "archive " + archive.resource.id.text + " did not read back: " + error.message,
                "archive_not_verified");
  };
  auto tar = blobs_.open(archive.key);
  if (!tar) return trouble(tar.error());
  auto manifest = blobs_.open(manifest_key(archive));
  if (!manifest) return trouble(manifest.error());
  const auto found = reader_.read_back(**tar, manifest->get());
  if (!found) return trouble(found.error());
  if (found->digest != written.digest || found->entries != written.entries)
    return trouble({Code::conflict, "its manifest digest is " + found->digest + ", not " + written.digest, {}, {}});
  return {};
}

Status Archiver::commit(Transaction& t, const Holder& holder, const Archived& done) {
  Archive row = TRY(t.archives().get(done.archive.resource.id));
  if (row.resource.state != State::writing)
    return fail(Code::busy, "archive " + row.resource.id.text + " was taken away while it was written");
  const auto layer = layer_of(holder, installation_);
  const auto caller = Caller::system("archiver", holder.resource.workspace);
  row.resource.updated_at = t.now();
  if (done.nothing) {
    const auto event = TRY(audit(t, random_, caller, "archive.nothing_to_archive", holder.resource));
    row.resource.state = row.lifetime.state = State::gone;
    TRY(t.archives().update(row));
    return t.archives().put_permit(DeletePermit::from_waiver(layer, holder.resource.generation, event));
  }
  row.content = done.archive.content;
  row.stored_bytes = done.archive.stored_bytes;
  row.verified_at = t.now();
  row.resource.state = State::active;
  row.lifetime = lifetime::begin(row.resource.id, State::active, row.lifetime.policy, t.moment());
  t.wakes.deadline_at(row.lifetime.wake_at);
  TRY(t.archives().update(row));
  TRY(audit(t, random_, caller, "archive.verified", holder.resource,
            {{"archive", row.resource.id.text},
             {"digest", row.content.digest},
             {"entries", std::to_string(row.content.entries)},
             {"bytes", std::to_string(row.stored_bytes)}}));
  TRY(tell_if_over_quota(t, caller, row));
  return t.archives().put_permit(
      DeletePermit::from_verified_archive(layer, holder.resource.generation, row.resource.id));
}

}  // namespace mayfly
