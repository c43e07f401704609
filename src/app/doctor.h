#pragma once
// Doctor: everything that can be checked while the server is at work, in words for people, and what mends it once
// somebody has said so. A look changes nothing and makes nobody wait.

#include <map>
#include <mutex>

#include "app/archives.h"
#include "app/reconciler.h"
#include "core/advice.h"

namespace mayfly {

struct Report {
  std::vector<reconcile::Finding> findings;   // each was there in two looks
  std::size_t sandboxes = 0, things = 0;      // how much was compared
  std::size_t archives_read = 0;              // back, byte by byte; deep looks only
  bool deep = false;
  bool suspicious = false;                    // so much is unknown that the database is more likely wrong

  bool clean() const { return findings.empty(); }
};

/// What came of one finding that somebody wanted mended.
struct Mended {
  enum class Outcome { mended, deleting, gone, failed };   // gone: it was not there any more
  std::string key;
  Outcome outcome = Outcome::mended;
  TaskId task;                                // of deleting
  std::string text;
};
std::string_view name(Mended::Outcome outcome);

class Doctor {
 public:
  Doctor(Store& store, Driver& driver, BlobStore& blobs, Images& images, Archives& archives, Reconciler& reconciler,
         const Deletion& deletion, Random& random, const Clock& clock, const Installation& installation)
      : store_(store), driver_(driver), blobs_(blobs), images_(images), archives_(archives), reconciler_(reconciler),
        deletion_(deletion), random_(random), clock_(clock), installation_(installation) {}

  /// Between two looks: what is on its way arrives.
  std::function<void()> pause = [] {};

  /// A finding counts when two looks have it. `deep` reads every archive back.
  Result<Report> examine(bool deep);

  /// Mends those of the findings that a look of now still has. Each goes the one way: through a delete with an archive
  /// where there is anything to archive; each is an event of the caller. For admins.
  Result<std::vector<Mended>> mend(const Caller& caller, const std::vector<std::string>& keys);

  /// What the reconciler has found: since when it is known.
  void notice(const Diagnosis& diagnosis);

 private:
  using Findings = std::vector<reconcile::Finding>;
  Result<Report> look();
  Result<Findings> read_back(std::size_t& read);
  void date(Findings& findings);
  Result<Mended> mend(const Caller& caller, const reconcile::Finding& finding, const Findings& all);
  Result<ResourceId> take_in(const reconcile::Finding& finding, const Findings& all);
  Result<ResourceId> take_back(const Caller& caller, const reconcile::Finding& leftover);
  Result<TaskId> remove(const Caller& caller, const ResourceId& id, const reconcile::Finding& finding);
  Result<TaskId> remove_archive(const Caller& caller, const reconcile::Finding& finding);
  Status still_in_trouble(const reconcile::Finding& finding);
  Status retry(const Caller& caller, const reconcile::Finding& finding);

  Store& store_;
  Driver& driver_;
  BlobStore& blobs_;
  Images& images_;
  Archives& archives_;
  Reconciler& reconciler_;
  const Deletion& deletion_;
  Random& random_;
  const Clock& clock_;
  const Installation& installation_;

  std::mutex mutex_;
  std::map<std::string, Time> noticed_;       // by key: when it was seen first in this life of the server
  std::mutex deep_;                           // one deep look at a time
  std::mutex mending_;                        // one who mends at a time
};

/// The look of a server that is down: rows, host and objects once, since nothing moves.
Result<Report> examine_at_rest(Store& store, Driver& driver, BlobStore& blobs, Images& images,
                               const Installation& installation);

}  // namespace mayfly
