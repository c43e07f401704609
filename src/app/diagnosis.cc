#include "app/diagnosis.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/lifecycle.h"

namespace mayfly {

using reconcile::Finding;
using reconcile::Trouble;

namespace {

constexpr std::size_t scan_page = 512;

reconcile::Seen reduce(const Found& found) {
  return {found.uid, found.generation, found.layer, found.what == Found::What::process,
          found.what == Found::What::trash, std::string(name(found.what)) + " " + found.where,
          found.what == Found::What::volume ? Kind::volume : Kind::sandbox,
          found.where};
}

reconcile::Row reduce(const Volume& volume) {
  const auto state = volume.resource.state;
  return {.id = volume.resource.id,
          .name = volume.resource.name,
          .state = state,
          .generation = 0,
          .layer = volume.layer,
          .has_files = true,
          .in_flight = state == State::writing || state == State::deleting};
}

reconcile::Row reduce(const Sandbox& sandbox) {
  const auto& resource = sandbox.resource;
  return {.id = resource.id,
          .name = resource.name,
          .state = resource.state,
          .generation = resource.generation,
          .layer = sandbox.layer,
          .has_files = sandbox.started_at.has_value(),
          .in_flight = lifecycle::in_flight(resource.state)};
}

/// Everything alive in one table.
template <class Table>
Status add_living(Table& table, std::vector<reconcile::Row>& rows) {
  for (std::string after;;) {
    const auto page = TRY(table.scan(after, scan_page));
    for (const auto& row : page) rows.push_back(reduce(row));
    if (page.size() < scan_page) return {};
    after = page.back().resource.id.text;
  }
}

/// The tombstone of that uid, where there is one. True: there was.
template <class Table>
Result<bool> add_tombstone(Table& table, Kind kind, const Uuid& uid, std::vector<reconcile::Row>& rows) {
  const auto found = table.get({std::string(describe(kind).prefix) + hex(uid)});
  if (found) rows.push_back(reduce(*found));
  else if (found.error().code != Code::not_found) return tl::unexpected(found.error());
  return found.has_value();
}

/// Everything alive that has bytes on the host, and those tombstones whose uid the host still shows.
Result<std::vector<reconcile::Row>> rows_for(Transaction& t, const std::set<Uuid>& seen) {
  std::vector<reconcile::Row> rows;
  TRY(add_living(t.sandboxes(), rows));
  TRY(add_living(t.volumes(), rows));
  std::set<Uuid> known;
  for (const auto& row : rows) known.insert(uid_of(row.id));
  for (const auto& uid : seen) {
    if (known.contains(uid) || TRY(add_tombstone(t.sandboxes(), Kind::sandbox, uid, rows))) continue;
    if (!TRY(add_tombstone(t.volumes(), Kind::volume, uid, rows)))
      TRY(add_tombstone(t.volumes(), Kind::database, uid, rows));
  }
  return rows;
}

/// What started between the two looks is there by now: the host is asked once more before a thing is called missing.
Result<bool> confirmed(Driver& driver, const std::string& instance, const Finding& finding) {
  if (finding.trouble == Trouble::vanished)
    return !TRY(driver.inspect({instance, finding.uid, finding.generation})).running;
  if (finding.trouble == Trouble::files_missing)
    return !TRY(driver.has_layer({instance, finding.uid, finding.layer}));
  return true;
}

/// Files of images are not looked for while one is brought in or taken away: its name must stand before and after.
Result<std::vector<Finding>> compare_images(Store& store, Images& images) {
  const auto names = [&] { return store.read([](Transaction& t) { return t.images().list(); }); };
  const auto before = TRY(names());
  const auto found = images.list();
  // Sandboxes are compared all the same.
  if (!found)
    return std::vector{Finding{Trouble::image_missing, {}, {}, 0, 0,
                               "the folders of the images cannot be read: " + found.error().message +
                                   ". Import again what is broken",
                               Kind::image, "images"}};
  std::set<std::string> there;
  for (const auto& image : *found) there.insert(image.digest);
  std::set<std::pair<std::string, std::string>> after;
  for (const auto& row : TRY(names())) after.emplace(row.name, row.digest);

  std::vector<Finding> findings;
  for (const auto& row : before) {
    if (there.contains(row.digest) || !after.contains({row.name, row.digest})) continue;
    findings.push_back({Trouble::image_missing, {}, {}, 0, 0,
                        "the files of image " + row.name + " (" + row.digest +
                            ") are missing on this host, so nothing that needs it can start: import it again",
                        Kind::image, row.name});
  }
  return findings;
}

/// As it stands now; nothing where there is no such archive.
std::optional<State> state_of(Store& store, const std::optional<ResourceId>& archive) {
  if (!archive) return std::nullopt;
  const auto row = store.read([&](Transaction& t) { return t.archives().get(*archive); });
  return row ? std::optional(row->resource.state) : std::nullopt;
}

using Objects = std::map<std::string, std::int64_t>;   // bytes by key

/// And not only out of reach.
bool is_missing(BlobStore& blobs, const std::string& key) {
  const auto found = blobs.stat(key);
  return !found && found.error().code == Code::not_found;
}

Finding about(const Archive& row, Trouble trouble, std::string text, const std::string& where) {
  return {trouble, uid_of(row.resource.id), row.resource.id, 0, 0, std::move(text), Kind::archive, where};
}

std::optional<Finding> trouble_with(const Archive& row, Store& store, BlobStore& blobs, const Objects& objects) {
  if (row.resource.state != State::active) return std::nullopt;
  for (const auto& [what, key] : {std::pair("object", row.key), std::pair("manifest", manifest_key(row))}) {
    // One that was finished or deleted since the list of objects was made is looked at again.
    if (objects.contains(key) || !is_missing(blobs, key) || state_of(store, row.resource.id) != State::active) continue;
    return about(row, Trouble::archive_missing,
                 "archive " + row.resource.id.text + " is recorded, but its " + what + " " + key +
                     " is missing: bring it back from a copy, or delete the archive",
                 key);
  }
  const auto object = objects.find(row.key);
  if (object == objects.end() || object->second == row.stored_bytes) return std::nullopt;
  return about(row, Trouble::archive_size,
               "archive " + row.resource.id.text + " has " + std::to_string(row.stored_bytes) +
                   " bytes on record and " + std::to_string(object->second) + " in the store",
               row.key);
}

struct ArchivesSeen {
  std::vector<Finding> findings;
  bool suspicious = false;     // so many do not fit that the folder or the database is more likely not the right one
};

Result<ArchivesSeen> compare_archives(Store& store, BlobStore& blobs) {
  std::vector<Finding> findings;
  Objects objects;
  for (const auto& object : TRY(blobs.list(""))) objects[object.key] = object.bytes;
  const bool empty = objects.empty();
  std::size_t known = 0;
  for (std::string after;;) {
    const auto page = TRY(store.read([&](Transaction& t) { return t.archives().scan(after, scan_page); }));
    for (const auto& row : page) {
      known += row.resource.state == State::active ? 1 : 0;
      if (auto finding = trouble_with(row, store, blobs, objects)) findings.push_back(std::move(*finding));
      for (const auto& key : {row.key, manifest_key(row)}) {
        objects.erase(key);
        objects.erase(key + ".partial");
      }
    }
    if (page.size() < scan_page) break;
    after = page.back().resource.id.text;
  }
  for (const auto& [key, bytes] : objects) {
    const auto archive = archive_of_key(key);
    const auto state = state_of(store, archive);
    if ((state && *state != State::gone) || !blobs.stat(key)) continue;
    findings.push_back({Trouble::stray_object, archive ? uid_of(*archive) : Uuid{}, archive.value_or(ResourceId()), 0,
                        0, "object " + key + " (" + std::to_string(bytes) + " bytes) belongs to no archive",
                        Kind::archive, key});
  }
  const auto odd = findings.size();
  const bool nothing_there = empty && known > 0;
  return ArchivesSeen{std::move(findings), nothing_there || (odd > 3 && odd * 10 > known + odd)};
}

}  // namespace

Result<Diagnosis> diagnose(Store& store, Driver& driver, BlobStore& blobs, Images& images,
                           const std::string& instance) {
  // The host first: what appears after this look has its row already, so it cannot be taken for a stranger.
  std::vector<reconcile::Seen> seen;
  std::set<Uuid> uids;
  for (const auto& found : TRY(driver.inventory())) {
    seen.push_back(reduce(found));
    uids.insert(found.uid);
  }
  const auto rows = TRY(store.read([&](Transaction& t) { return rows_for(t, uids); }));

  Diagnosis diagnosis;
  for (auto& finding : reconcile::compare(seen, rows)) {
    if (TRY(confirmed(driver, instance, finding))) diagnosis.findings.push_back(std::move(finding));
  }
  for (const auto& path : TRY(driver.strangers()))
    diagnosis.findings.push_back({Trouble::stranger, {}, {}, 0, 0,
                                  path + " is nothing that this server makes: it is never touched, so see what it is "
                                         "and take it out of the data folder",
                                  Kind::sandbox, path});
  for (auto& finding : TRY(compare_images(store, images))) diagnosis.findings.push_back(std::move(finding));
  auto archives = TRY(compare_archives(store, blobs));
  diagnosis.archives = std::move(archives.findings);
  diagnosis.sandboxes = static_cast<std::size_t>(std::count_if(
      rows.begin(), rows.end(), [](const auto& row) { return kind_of_id(row.id.text) == Kind::sandbox; }));
  diagnosis.things = seen.size();
  std::set<Uuid> unknown, without_files;
  for (const auto& finding : diagnosis.findings) {
    if (finding.trouble == Trouble::unknown) unknown.insert(finding.uid);
    if (finding.trouble == Trouble::files_missing) without_files.insert(finding.uid);
  }
  diagnosis.suspicious = reconcile::suspicious(unknown.size(), uids.size()) ||
                         reconcile::suspicious(without_files.size(), rows.size()) || archives.suspicious;
  return diagnosis;
}

}  // namespace mayfly
