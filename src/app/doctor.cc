#include "app/doctor.h"

#include <algorithm>
#include <set>

#include "app/audit.h"
#include "app/row_checks.h"

namespace mayfly {

using reconcile::Finding;
using reconcile::Remedy;
using reconcile::Trouble;

namespace {

constexpr std::size_t scan_page = 512;

std::set<std::string> keys_of(const std::vector<Finding>& findings) {
  std::set<std::string> keys;
  for (const auto& finding : findings) keys.insert(reconcile::key_of(finding));
  return keys;
}

std::set<std::string> digests_of(const std::vector<ImageContent>& contents) {
  std::set<std::string> digests;
  for (const auto& content : contents) digests.insert(content.digest);
  return digests;
}

/// Files of images against the rows of their contents, both ways; those with a name have been compared by it. Rows
/// before and after, since one may be brought in or taken away meanwhile.
Result<std::vector<Finding>> compare_contents(Store& store, Images& images) {
  const auto contents = [&] { return store.read([](Transaction& t) { return t.images().contents(); }); };
  const auto before = TRY(contents());
  const auto found = images.list();
  if (!found) return std::vector<Finding>();   // told already
  const auto known = digests_of(before), after = digests_of(TRY(contents()));
  std::set<std::string> named, there;
  for (const auto& record : TRY(store.read([](Transaction& t) { return t.images().list(); })))
    named.insert(record.digest);
  std::vector<Finding> findings;
  for (const auto& image : *found) {
    there.insert(image.digest);
    if (known.contains(image.digest) || after.contains(image.digest)) continue;
    findings.push_back({Trouble::stranger, {}, {}, 0, 0,
                        "the files of image " + image.digest +
                            " are on this host and in no record: the next start of the server removes them, or "
                            "takes them in if something needs them",
                        Kind::image, image.digest});
  }
  for (const auto& content : before) {
    const bool counts = content.resource.state == State::active && after.contains(content.digest);
    if (!counts || there.contains(content.digest) || named.contains(content.digest)) continue;
    findings.push_back({Trouble::image_missing, uid_of(content.resource.id), content.resource.id, 0, 0,
                        "the files of image " + content.digest + ", which has no name any more, are missing",
                        Kind::image, content.digest});
  }
  return findings;
}

Finding damaged(const Archive& archive, const Error& error) {
  Finding finding{Trouble::archive_damaged, uid_of(archive.resource.id), archive.resource.id, 0, 0,
                  "archive " + archive.resource.id.text + " is not what was stored: " + error.message, Kind::archive,
                  archive.key};
  // It was well then; nobody has looked since.
  if (!archive.verify_error.empty()) finding.since = archive.resource.updated_at;
  return finding;
}

}  // namespace

Result<Report> examine_at_rest(Store& store, Driver& driver, BlobStore& blobs, Images& images,
                               const Installation& installation) {
  auto diagnosis = TRY(diagnose(store, driver, blobs, images, installation.instance));
  Report report;
  report.sandboxes = diagnosis.sandboxes;
  report.things = diagnosis.things;
  report.suspicious = diagnosis.suspicious;
  report.findings = std::move(diagnosis.findings);
  std::ranges::move(diagnosis.archives, std::back_inserter(report.findings));
  std::ranges::move(TRY(compare_contents(store, images)), std::back_inserter(report.findings));
  for (const auto& sentence : TRY(driver.disorders()))
    report.findings.push_back({Trouble::clash, {}, {}, 0, 0, sentence, Kind::sandbox, sentence});
  std::ranges::move(TRY(check_rows(store)), std::back_inserter(report.findings));
  return report;
}

Result<Report> Doctor::look() {
  auto report = TRY(examine_at_rest(store_, driver_, blobs_, images_, installation_));
  std::ranges::move(TRY(check_deadlines(store_, installation_)), std::back_inserter(report.findings));
  date(report.findings);
  return report;
}

Result<Report> Doctor::examine(bool deep) {
  std::unique_lock one(deep_, std::defer_lock);
  if (deep && !one.try_lock())
    return fail(Code::busy, "another deep look is under way: all archives are being read back; ask again later",
                "deep_busy");
  // First, since it takes hours: the looks that follow are of now.
  std::size_t read = 0;
  auto damage = deep ? TRY(read_back(read)) : Findings();
  auto report = TRY(look());
  if (!report.clean()) {
    // What was on its way is not there, or not missing, any more.
    pause();
    const auto before = keys_of(report.findings);
    report = TRY(look());
    std::erase_if(report.findings, [&](const Finding& f) { return !before.contains(reconcile::key_of(f)); });
  }
  report.deep = deep;
  report.archives_read = read;
  // What is missing or cut has been told already.
  std::erase_if(damage, [&](const Finding& f) {
    return std::ranges::any_of(report.findings, [&](const Finding& other) { return other.id == f.id; });
  });
  std::ranges::move(damage, std::back_inserter(report.findings));
  return report;
}

/// One after the other: a live server has other work for its disk.
Result<Doctor::Findings> Doctor::read_back(std::size_t& read) {
  Findings found;
  for (std::string after;;) {
    const auto page = TRY(store_.read([&](Transaction& t) { return t.archives().scan(after, scan_page); }));
    for (const auto& archive : page) {
      if (archive.resource.state != State::active) continue;
      const auto compared = archives_.compare(archive);
      if (compared) ++read;
      if (compared || says_nothing_of_the_bytes(compared.error().code)) continue;
      // A second look, at the record too: it may have been deleted while it was read.
      const auto now = store_.read([&](Transaction& t) { return t.archives().get(archive.resource.id); });
      if (!now || now->resource.state != State::active || !blobs_.stat(archive.key)) continue;
      if (const auto again = archives_.compare(archive); !again && !says_nothing_of_the_bytes(again.error().code))
        found.push_back(damaged(*now, again.error()));
    }
    if (page.size() < scan_page) break;
    after = page.back().resource.id.text;
  }
  for (auto& finding : found)
    if (!finding.since) finding.since = clock_.now();
  return found;
}

void Doctor::notice(const Diagnosis& diagnosis) {
  const auto now = clock_.now();
  std::lock_guard guard(mutex_);
  for (const auto* findings : {&diagnosis.findings, &diagnosis.archives})
    for (const auto& finding : *findings) noticed_.emplace(reconcile::key_of(finding), now);
}

/// Of the host's own things nobody knows since when they are there: told is since when this server knows of them.
void Doctor::date(Findings& findings) {
  const auto now = clock_.now();
  std::map<std::string, Time> still;
  std::lock_guard guard(mutex_);
  for (auto& finding : findings) {
    if (finding.since) continue;
    const auto key = reconcile::key_of(finding);
    const auto known = noticed_.find(key);
    finding.since = still[key] = known == noticed_.end() ? now : known->second;
  }
  noticed_ = std::move(still);
}

}  // namespace mayfly
